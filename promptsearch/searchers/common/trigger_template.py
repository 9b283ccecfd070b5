"""Templates with slots for trigger tokens, from a notation or from the words of a prompt."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from promptsearch.errors import PromptError
from promptsearch.prompt import Filled, Part, Separator, Slot, Template, Text, Trigger
from promptsearch.prompt.options import question_span
from promptsearch.prompt.template import filled_parts, notation_of

Where = Literal["before", "after", "around", "words"]
Tokens = tuple[int, ...]  # in the trigger slots, from left to right
Read = Callable[[str], Tokens]  # a word's tokens after a space

_TRIGGER = re.compile(r" ?(?<!\[)\[T\](?!\])")  # a token brings this space
_WORD = re.compile(r" ?\w+(?:['\u2019-]\w+)*")


@dataclass(frozen=True)
class TriggerSlot:
    """A slot for one token, which brings the space before it."""


@dataclass(frozen=True)
class TriggerTemplate:
    """A template with slots for trigger tokens."""

    parts: tuple[Part | TriggerSlot, ...]

    def __post_init__(self) -> None:
        if not any(isinstance(part, Slot) for part in self.parts):
            raise PromptError("a template with [T] needs a slot too; write [Z] where the answer is")

    def __str__(self) -> str:
        return "".join(" [T]" if isinstance(p, TriggerSlot) else notation_of(p) for p in self.parts)

    @staticmethod
    def marked(notation: str) -> bool:
        """Return whether the notation has a [T] (`[[T]]` is text)."""
        return _TRIGGER.search(notation) is not None

    @cached_property
    def slot_count(self) -> int:
        """The number of trigger slots."""
        return sum(isinstance(part, TriggerSlot) for part in self.parts)

    @classmethod
    def parse(cls, notation: str) -> "TriggerTemplate":
        """Read a template's notation with [T] for each token (`[[T]]` is text)."""
        parts: list[Part | TriggerSlot] = []
        for number, piece in enumerate(_TRIGGER.split(notation)):
            if number:
                parts.append(TriggerSlot())
            parts += Template.parts_of(piece.replace("[[T]]", "[T]"))
        return cls(tuple(parts))

    @classmethod
    def beside(cls, template: Template, count: int, where: Where) -> "TriggerTemplate":
        """Return the template with `count` trigger slots before or after its slot, or both.

        With options, they stand before or after the question, or in its stead.
        """
        if template.has_options:
            return cls(tuple(_in_question(template.parts, count, where)))
        before_count = {"before": count, "after": 0}.get(where, count - count // 2)
        slot = next(i for i, part in enumerate(template.parts) if isinstance(part, Slot))
        before, after = template.parts[:slot], template.parts[slot + 1 :]
        triggers: tuple[TriggerSlot, ...] = (TriggerSlot(),) * count
        stripped = _without_space(before) if before_count else before
        gap: tuple[Part, ...] = (Text(" "),) if before_count else ()
        middle = (*triggers[:before_count], *gap, template.parts[slot], *triggers[before_count:])
        return cls((*stripped, *middle, *after))

    @classmethod
    def of_words(
        cls, template: Template, read: Read, spaced: bool = True
    ) -> "tuple[TriggerTemplate, Tokens]":
        """Return the template with trigger slots for its words, and the tokens of these words."""
        parts: list[Part | TriggerSlot] = []
        tokens: list[int] = []
        for part in template.parts:
            if not isinstance(part, Text):
                parts.append(part)
                continue
            for piece, is_word in _words(part.text, spaced, first=not parts):
                ids = read(piece.strip(" ")) if is_word else ()
                parts += [TriggerSlot()] * len(ids) or [Text(piece)]
                tokens += ids
        return cls(tuple(parts)), tuple(tokens)

    def fill(self, inputs: Mapping[str, str], tokens: Tokens) -> Filled:
        """Return the text as a model reads it, tokens by their ids."""
        remaining = iter(tokens)
        return filled(
            [Trigger(next(remaining)) if isinstance(p, TriggerSlot) else p for p in self.parts],
            inputs,
        )


def filled(parts: Sequence[Part | Trigger], inputs: Mapping[str, str]) -> Filled:
    """Return the parts with the inputs in their fields."""
    return filled_parts(parts, inputs)


def _in_question(parts: Sequence[Part], count: int, where: Where) -> list[Part | TriggerSlot]:
    """Return the parts of a template with options, with trigger slots about its question."""
    start, end = question_span(parts)
    before = {"before": count, "after": 0}.get(where, count - count // 2)
    question = list(parts[start:end])
    gap = [Text(" ")] if question and before else []
    middle = [*[TriggerSlot()] * before, *gap, *question, *[TriggerSlot()] * (count - before)]
    closing = [] if question else [Separator()]
    return [*parts[:start], *middle, *closing, *parts[end:]]


def _words(text: str, spaced: bool, first: bool) -> Iterator[tuple[str, bool]]:
    """Yield the text in pieces, with True for words after a space or at the start."""
    end = 0
    for match in _WORD.finditer(text):
        if match.start() > end:
            yield text[end : match.start()], False
        yield match[0], match[0][0] == " " or not spaced or (first and match.start() == 0)
        end = match.end()
    if end < len(text):
        yield text[end:], False


def _without_space(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Return the parts without the white space at their end: a token brings its own."""
    last = parts[-1] if parts else None
    if not isinstance(last, Text):
        return tuple(parts)
    text = last.text.rstrip()
    return (*parts[:-1], *([Text(text)] if text else []))
