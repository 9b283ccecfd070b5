"""The start of a deep prompt: the template with its first prefix and its first head."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from promptsearch.errors import ModelError, RunError
from promptsearch.models import LanguageModel
from promptsearch.prompt import Field, Head, Prefix, Template, Text
from promptsearch.searchers.prefix.layers import layers_of

if TYPE_CHECKING:
    from promptsearch.models.training.start_prefix import StartPrefix

PrefixStartName = Literal["random", "words"]
HeadName = Literal["none", "cls", "mask", "token"]


@dataclass(frozen=True)
class DeepStart:
    """How a template gets its prefix, and its head."""

    length: int  # of a random prefix; 0: none
    layers: str
    start: PrefixStartName
    head: HeadName

    def of(self, template: Template, model: LanguageModel, seed: int) -> Template:
        """Return the template with its first prefix; one that it has stays.

        From words, a causal model's template loses those that it begins with: they are the prefix.
        Raises RunError where it begins with none.
        """
        if template.prefix is not None or not self.length:
            return template
        from promptsearch.models.training.start_prefix import StartPrefix

        start = StartPrefix(model, lambda count: layers_of(self.layers, count), seed)
        if self.start == "random":
            return replace(template, prefix=start.random(self.length))
        if model.info.family == "causal":
            return _of_leading_words(template, start)
        return replace(template, prefix=start.of_words(_words(template)))

    def first_head(self, labels: int, model: LanguageModel, seed: int) -> Head | None:
        """Return a head with random weights; None if none is wanted.

        Raises ModelError if the model has no state for it.
        """
        if self.head == "none":
            return None
        if self.head == "cls" and model.info.family != "masked":
            raise ModelError(
                f"`head` cls: the first token of {model.info.spec!r} sees nothing of the text that "
                "follows; give mask, the state at which the answer is read"
            )
        from promptsearch.models.frozen_model import frozen_model
        from promptsearch.models.training.deep_prompt import first_head

        hidden = frozen_model(model).runtime.batch_limits.hidden
        return first_head(hidden, labels, model.info.sha256, self.head, seed)


def _of_leading_words(template: Template, start: "StartPrefix") -> Template:
    """Return the template behind the keys and values of the words that it begins with."""
    first = template.parts[0]
    words = first.text.rstrip(" ") if isinstance(first, Text) else ""
    space = first.text[len(words) :] if isinstance(first, Text) else ""
    if not words or not space:
        raise RunError(
            f"`start` words: the template {template.notation!r} begins with no words that a space "
            "follows; write some in front, or give random"
        )
    prefix: Prefix = start.of_words(words)
    return replace(template, parts=(Text(space), *template.parts[1:]), prefix=prefix)


def _words(template: Template) -> str:
    """Return all words of a template. Raises RunError if it has none."""
    words = " ".join(p.text.strip() for p in template.parts if isinstance(p, Text)).strip()
    if not words:
        raise RunError(f"`start` words: the template {template.notation!r} has none; give random")
    return words


def fields_only(fields: Sequence[str]) -> tuple[Field | Text, ...]:
    """Return a template's parts that are its inputs alone, a space between them."""
    parts: list[Field | Text] = []
    for name in fields:
        parts += [Text(" "), Field(name)]
    return tuple(parts[1:])
