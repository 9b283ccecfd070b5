"""The texts and answers of one run: templates x sentences, the same for each loop."""

from dataclasses import dataclass, replace
from functools import cached_property

from promptsearch.models import Family
from promptsearch.prompt import Answer, Filled, Input, Slot, Template, Text

WORDS = ("great", "terrible")  # LM-BFF's for SST-2
TEMPLATES: dict[Family, str] = {  # a causal model also scores what stands after its slot
    "masked": "{text} It was [Z] .",
    "causal": "{text} It was [Z]",
    "seq2seq": "{text} It was [Z] .",
}


@dataclass(frozen=True)
class Workload:
    """Texts in template-major order: all sentences of the first template, then of the next."""

    sentences: tuple[str, ...]
    templates: tuple[str, ...]  # with {text} and one [Z]
    answers: tuple[str, ...] = WORDS

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.sentences) * len(self.templates)

    @cached_property
    def _parsed(self) -> list[Template]:
        return [Template.parse(template) for template in self.templates]

    def first(self, count: int) -> "Workload":
        """Return the workload of one template's first sentences only."""
        return replace(self, sentences=self.sentences[:count], templates=self.templates[:1])

    def filled(self) -> list[Filled]:
        """Return the texts as parts, as the model takes them."""
        return [
            template.fill({"text": sentence})
            for template in self._parsed
            for sentence in self.sentences
        ]

    def answer_values(self) -> list[Answer]:
        """Return the answers as the model takes them."""
        return [(("Z", answer),) for answer in self.answers]

    def halves(self) -> list[tuple[str, str]]:
        """Return each text as two strings: before the slot, and after it."""
        return [halved(filled) for filled in self.filled()]


def halved(filled: Filled) -> tuple[str, str]:
    """Return the text before the slot, and the text after it."""
    slot = next(i for i, part in enumerate(filled) if isinstance(part, Slot))
    return _joined(filled[:slot]), _joined(filled[slot + 1 :])


def _joined(parts: Filled) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text | Input))
