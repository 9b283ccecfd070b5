"""A prompt: a template with a verbalizer, and where it came from.

Plain immutable values. No model, no tensor, no file: everything else imports this module
and it imports nothing of ours but the errors.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from promptsearch.errors import PromptError
from promptsearch.prompt.head import Head
from promptsearch.prompt.parts import (
    Field,
    Filled,
    FixedText,
    Input,
    Option,
    Part,
    Separator,
    Slot,
    Text,
    TextPart,
    Trigger,
)
from promptsearch.prompt.prefix import Prefix
from promptsearch.prompt.soft import Soft, Vectors
from promptsearch.prompt.template import Template
from promptsearch.prompt.verbalizer import Answer, Verbalizer

__all__ = [
    "Answer",
    "Field",
    "Filled",
    "FixedText",
    "Head",
    "Input",
    "Option",
    "Part",
    "Prefix",
    "Prompt",
    "Separator",
    "Slot",
    "Soft",
    "Source",
    "Template",
    "Text",
    "TextPart",
    "Trigger",
    "Vectors",
    "Verbalizer",
]


@dataclass(frozen=True)
class Source:
    """Provenance of a prompt: kept beside it, no part of its identity."""

    strategy: str = "manual"
    parents: tuple[str, ...] = ()
    evidence: Mapping[str, object] = field(default_factory=dict)
    token_ids: tuple[int, ...] | None = None
    round_trips: bool = True


@dataclass(frozen=True)
class Prompt:
    """A pattern-verbalizer pair (PET): what every strategy proposes and the scorer judges."""

    template: Template
    verbalizer: Verbalizer
    source: Source = field(default=Source(), compare=False)

    def __post_init__(self) -> None:
        if self.template.head is not None:
            _check_labels(self.template.head, self.verbalizer)
            return
        slots = set(self.template.slots)
        if self.template.has_options and self.verbalizer.no is None:
            raise PromptError(
                f"the template {self.template.notation!r} has options, which are answered with yes "
                "or no; say what `no` is"
            )
        for label, answers in self.verbalizer.pairs:
            for answer in answers:
                if unknown := [slot for slot, _ in answer if slot not in slots]:
                    raise PromptError(
                        f"the label {label!r} answers the slot [{unknown[0]}], which the template "
                        f"{self.template.notation!r} does not have"
                    )

    @property
    def plain_answers(self) -> dict[str, list[object]]:
        """The verbalizer in the notation of files, for the slots of the template."""
        return self.verbalizer.plain(self.template.slots)

    def with_template(self, template: Template, source: Source) -> "Prompt":
        return replace(self, template=template, source=source)


def _check_labels(head: Head, verbalizer: Verbalizer) -> None:
    """Raise PromptError if a head does not answer with the labels of a verbalizer, one each."""
    if (head.labels, head.labels) != (len(verbalizer), len(verbalizer.answers)):
        raise PromptError(
            f"the head has {head.labels} labels, but the verbalizer {len(verbalizer)} with "
            f"{len(verbalizer.answers)} answers; with a head each label has one, itself"
        )
