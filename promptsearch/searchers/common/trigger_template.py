"""Templates with places for trigger tokens, from what users write and from prompts they have."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from promptsearch.errors import PromptError
from promptsearch.prompt import Field, Filled, Input, Part, Slot, Template, Text, Trigger
from promptsearch.prompt.template import notation_of

Where = Literal["before", "after", "around", "words"]
Tokens = tuple[int, ...]  # at the places, from left to right
Read = Callable[[str], Tokens]  # a word's tokens, where a space stands before it

_PLACE = re.compile(r" ?(?<!\[)\[T\](?!\])")  # a token brings this space
_WORD = re.compile(r" ?\w+(?:['\u2019-]\w+)*")


@dataclass(frozen=True)
class TriggerSlot:
    """A place for one token, which brings the space before it."""


@dataclass(frozen=True)
class TriggerTemplate:
    """A template with holes."""

    parts: tuple[Part | TriggerSlot, ...]

    def __post_init__(self) -> None:
        if not any(isinstance(part, Slot) for part in self.parts):
            raise PromptError("a template with [T] needs a slot too; write [Z] where the answer is")

    def __str__(self) -> str:
        return "".join(" [T]" if isinstance(p, TriggerSlot) else notation_of(p) for p in self.parts)

    @staticmethod
    def marked(notation: str) -> bool:
        """Whether the notation has a [T] (`[[T]]` is text)."""
        return _PLACE.search(notation) is not None

    @cached_property
    def slot_count(self) -> int:
        """How many holes there are."""
        return sum(isinstance(part, TriggerSlot) for part in self.parts)

    @classmethod
    def parse(cls, notation: str) -> "TriggerTemplate":
        """From a template's notation with [T] for each token (`[[T]]` is text)."""
        parts: list[Part | TriggerSlot] = []
        for number, piece in enumerate(_PLACE.split(notation)):
            if number:
                parts.append(TriggerSlot())
            parts += Template.parts_of(piece.replace("[[T]]", "[T]"))
        return cls(tuple(parts))

    @classmethod
    def beside(cls, template: Template, count: int, where: Where) -> "TriggerTemplate":
        """The template with `count` holes before its first slot, after it, or on both sides."""
        before_count = {"before": count, "after": 0}.get(where, count - count // 2)
        slot = next(i for i, part in enumerate(template.parts) if isinstance(part, Slot))
        before, after = template.parts[:slot], template.parts[slot + 1 :]
        holes: tuple[TriggerSlot, ...] = (TriggerSlot(),) * count
        spaced = _without_space(before) if before_count else before
        gap: tuple[Part, ...] = (Text(" "),) if before_count else ()
        middle = (*holes[:before_count], *gap, template.parts[slot], *holes[before_count:])
        return cls((*spaced, *middle, *after))

    @classmethod
    def of_words(
        cls, template: Template, read: Read, spaced: bool = True
    ) -> "tuple[TriggerTemplate, Tokens]":
        """The template with holes where its own words stand, and the tokens of these words."""
        parts: list[Part | TriggerSlot] = []
        tokens: list[int] = []
        for part in template.parts:
            if not isinstance(part, Text):
                parts.append(part)
                continue
            for piece, apart in _words(part.text, spaced, first=not parts):
                ids = read(piece.strip(" ")) if apart else ()
                parts += [TriggerSlot()] * len(ids) or [Text(piece)]
                tokens += ids
        return cls(tuple(parts)), tuple(tokens)

    def fill(self, inputs: Mapping[str, str], tokens: Tokens) -> Filled:
        """As a model reads it, tokens by their ids."""
        remaining = iter(tokens)
        return filled(
            [Trigger(next(remaining)) if isinstance(p, TriggerSlot) else p for p in self.parts],
            inputs,
        )


def filled(parts: Sequence[Part | Trigger], inputs: Mapping[str, str]) -> Filled:
    """The parts with the inputs in their fields."""
    return tuple(Input(p.name, inputs[p.name]) if isinstance(p, Field) else p for p in parts)


def _words(text: str, spaced: bool, first: bool) -> Iterator[tuple[str, bool]]:
    """The text in pieces, and whether each is a word that stands apart from what is before it."""
    end = 0
    for match in _WORD.finditer(text):
        if match.start() > end:
            yield text[end : match.start()], False
        yield match[0], match[0][0] == " " or not spaced or (first and match.start() == 0)
        end = match.end()
    if end < len(text):
        yield text[end:], False


def _without_space(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The parts without the white space at their end: a token brings its own."""
    last = parts[-1] if parts else None
    if not isinstance(last, Text):
        return tuple(parts)
    text = last.text.rstrip()
    return (*parts[:-1], *([Text(text)] if text else []))
