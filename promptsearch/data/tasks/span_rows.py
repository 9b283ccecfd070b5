"""Which spans of a sentence a task of spans asks about, and the rows that strategies learn from.

Cui et al. (2021), "Template-Based Named Entity Recognition Using BART",
https://arxiv.org/abs/2106.01760: all spans of up to eight words are asked about; trained is on
those that have a type, and on spans that have none, drawn at a ratio of 1.5.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from promptsearch.data.examples import Dataset, Example
from promptsearch.data.tasks.tagged_sentence import TEXT, Bounds, text_of
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import PromptError, brief
from promptsearch.language.spans import OUTSIDE, Scheme, candidate_spans, spans_of
from promptsearch.prompt import Prompt

SPAN = "span"  # the field of a template that holds the words of a span
IN_ANSWERS = f"{{{SPAN}}}"  # stands for the words of a span in answers
MAX_SPAN, NEGATIVES = "max_span", "negatives"  # keys of a task file


@dataclass(frozen=True)
class SpanRule:
    """The spans that are asked about, and how many without a type are learned from."""

    scheme: Scheme = "IOB2"
    max_span: int = 8  # words; of sentences that name no spans
    negatives: float = 1.5  # drawn for each span of train that has a type

    @classmethod
    def of(cls, keys: TomlKeys, scheme: Scheme) -> "SpanRule":
        """Return what a task file says. Raises TaskError at a number that is none of the kind."""
        most = keys.document.get(MAX_SPAN, cls.max_span)
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise keys.error(MAX_SPAN, f"it must be a whole number from 1, not {brief(repr(most))}")
        ratio = keys.document.get(NEGATIVES, cls.negatives)
        if isinstance(ratio, bool) or not isinstance(ratio, int | float) or not 0 <= ratio < 1e6:
            raise keys.error(NEGATIVES, f"it must be a number from 0, not {brief(repr(ratio))}")
        return cls(scheme, most, float(ratio))

    def bounds(self, sentence: Example) -> Sequence[Bounds]:
        """Return the spans of a sentence that are asked about."""
        if sentence.spans is not None:
            return sentence.spans
        return candidate_spans(len(sentence.words), self.max_span)

    def types(self, sentence: Example) -> dict[Bounds, str]:
        """Return the type of each span that has one, of any length."""
        spans = spans_of(sentence.tags, self.scheme)
        return {(span.start, span.stop): span.type for span in spans}

    def rows(self, sentence: Example, bounds: Sequence[Bounds]) -> list[Example]:
        """Return a row a span: the sentence, the span and its type, or `O`."""
        types = self.types(sentence)
        return [
            Example(
                f"{sentence.id}:{start}-{stop}",
                {TEXT: sentence.inputs[TEXT], SPAN: text_of(sentence.words[start:stop])},
                types.get((start, stop), OUTSIDE),
            )
            for start, stop in bounds
        ]

    def training_rows(self, sentences: Dataset) -> list[Example]:
        """Return the spans with a type, and drawn ones without: the same for the same sentences."""
        right = [(n, each) for n, sentence in enumerate(sentences) for each in self.types(sentence)]
        others = list(self._others(sentences))
        count = min(len(others), round(self.negatives * len(right)))
        chosen = sorted([*right, *random.Random(0).sample(others, count)])
        return [row for n, each in chosen for row in self.rows(sentences[n], [each])]

    def _others(self, sentences: Dataset) -> Iterator[tuple[int, Bounds]]:
        for number, sentence in enumerate(sentences):
            types = self.types(sentence)
            yield from ((number, each) for each in self.bounds(sentence) if each not in types)


def names_span(prompt: Prompt) -> bool:
    """Return whether the answers name the span.

    Raises PromptError if neither they nor the template do, or both.
    """
    texts = [text for answer in prompt.verbalizer.answers for _, text in answer]
    named = [IN_ANSWERS in text for text in texts]
    if SPAN in prompt.template.fields:
        if any(named):
            raise PromptError(
                f"{IN_ANSWERS} stands in the template {prompt.template.notation!r} and in the "
                f"answer {texts[named.index(True)]!r}; name it in one of the two"
            )
        return False
    if not all(named):
        raise PromptError(
            f"the template {prompt.template.notation!r} does not name {IN_ANSWERS}, nor does the "
            f"answer {texts[named.index(False)]!r}, so that all spans read the same; name it in "
            "the template"
        )
    return True
