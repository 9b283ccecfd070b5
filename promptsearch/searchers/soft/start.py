"""The start of a soft prompt: where its vectors stand, and what they are before the first step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from promptsearch.errors import RunError
from promptsearch.models import LanguageModel
from promptsearch.prompt import Template, Vectors, Verbalizer
from promptsearch.searchers.soft.form import Layout, SoftForm, form_of

if TYPE_CHECKING:
    from promptsearch.models.training.start_vectors import StartVectors

Start = Literal["words", "vocabulary", "labels", "random"]


@dataclass(frozen=True)
class SoftStart:
    """How vectors are put into a template."""

    layout: Layout
    length: int  # of a group, but for `words`
    start: Start | None  # None: words where words stood, else vocabulary

    def of(
        self, template: Template, verbalizer: Verbalizer, model: LanguageModel, seed: int
    ) -> Template:
        """Return the template with its first vectors; itself if it was trained before."""
        from promptsearch.models.training.start_vectors import StartVectors

        if template.soft and template.soft[0].vectors is not None:
            return template
        vectors = StartVectors(model, seed)
        form = form_of(template, self.layout, self.length, model.info.family, vectors.tokens)
        rows = {
            name: Vectors.of(each, model.info.sha256)
            for name, each in self._rows(form, verbalizer, vectors).items()
        }
        return form.template.with_vectors(rows)

    def _rows(
        self, form: SoftForm, verbalizer: Verbalizer, vectors: "StartVectors"
    ) -> Mapping[str, Any]:
        """Return (vector, hidden) of each part by its name."""
        start = self.start or ("words" if form.words else "vocabulary")
        if start == "words" and not form.words:
            raise RunError("`start` words: there are none where the vectors stand; choose another")
        answers = [text for answer in verbalizer.answers for _, text in answer]
        ways = {
            "words": lambda part: vectors.of_tokens(form.words[part.name]),
            "vocabulary": lambda part: vectors.of_vocabulary(part.length),
            "labels": lambda part: vectors.of_labels(answers, part.length),
            "random": lambda part: vectors.random(part.length),
        }
        return {part.name: ways[start](part) for part in form.template.soft}
