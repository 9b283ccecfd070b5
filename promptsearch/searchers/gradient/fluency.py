"""Fluency of a template: the mean log-probability of its words, in nats a word.

Masked and encoder-decoder models are asked for each word given all the others (the pseudo-
log-likelihood of Salazar et al., 2020; a word of several tokens from left to right, as Kauf and
Ivanova, 2023, do), causal ones given what stands before it. Inputs and right answers of a few
training examples stand in the template.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from promptsearch.data import Example
from promptsearch.engine import ModelCall
from promptsearch.models import LanguageModel, Scoring, ScoringRequest
from promptsearch.prompt import Field, Filled, Input, Prompt, Separator, Slot, Template, Text
from promptsearch.prompt.parts import WordPart
from promptsearch.prompt.template import filled_field
from promptsearch.scoring import Cost

WORD = "word"  # the slot that a word is asked in
EXAMPLES = 4


@dataclass(frozen=True)
class Fluency:
    """Fluency of templates, measured by a model with a few examples filled in."""

    model: LanguageModel
    examples: Sequence[Example]
    manual: Prompt  # whose answers stand in the slots
    spaced: bool = True

    def values(self, templates: Sequence[Template]) -> ModelCall:
        """Return the call that gives each template's fluency, in (-inf, 0]; 0 without words."""
        by_template = [list(self._requests(template)) for template in templates]
        requests = [request for group in by_template for request in group]
        plan = self.model.plan_all(requests or [_NOTHING], Scoring("left-to-right"))

        def run() -> list[float]:
            values = np.zeros(sum(len(request.texts) for request in requests) or 1)
            for block in self.model.run(plan):
                values[list(block.rows)] = block.log_probs[:, 0].numpy()
            ends = np.cumsum([0, *(len(group) * len(self.examples) for group in by_template)])
            slices = (values[a:b] for a, b in pairwise(ends))
            return [float(part.mean()) if len(part) else 0.0 for part in slices]

        return ModelCall(Cost.of(plan), run)

    def _requests(self, template: Template) -> Iterator[ScoringRequest]:
        """Yield one for each word: every example's text with a slot in the place of the word."""
        for number, part in enumerate(template.word_parts):
            if isinstance(part, Text):
                for before, word, after in _words(part.text, self.spaced):
                    parts = template.word_parts[:number], template.word_parts[number + 1 :]
                    texts = [self._text(parts, before, after, each) for each in self.examples]
                    yield ScoringRequest(texts, [((WORD, word),)])

    def _text(
        self,
        parts: tuple[Sequence[WordPart], Sequence[WordPart]],
        before: str,
        after: str,
        example: Example,
    ) -> Filled:
        start = (*self._filled(parts[0], example), Text(before), Slot(WORD))
        if self.model.info.family == "causal":
            return start
        return (*start, Text(after), *self._filled(parts[1], example))

    def _filled(self, parts: Sequence[WordPart], example: Example) -> Iterator[Text | Input]:
        answer = self.manual.verbalizer.filling(example.targets)
        for part in parts:
            match part:
                case Text():
                    yield part
                case Field(name):
                    yield filled_field(name, example.inputs[name])
                case Slot(name):
                    yield Text(answer.get(name, example.stratum))
                case Separator():
                    yield Text(" ")


_NOTHING = ScoringRequest([(Slot(WORD),)], [((WORD, "."),)])


def _words(text: str, spaced: bool) -> Iterator[tuple[str, str, str]]:
    """Yield the text before each word, the word, and the text after it."""
    words = text.split() if spaced else [character for character in text if not character.isspace()]
    end = 0
    for word in words:
        start = text.index(word, end)
        end = start + len(word)
        yield text[:start], word, text[end:]
