"""Templates: text with input fields and answer slots, and what they become once filled."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from promptsearch.errors import PromptError

_NOTATION = re.compile(r"\{\{|\}\}|\{(?P<field>\w+)\}|\[\[(?P<literal>Z\d*)\]\]|\[(?P<slot>Z\d*)\]")
_SLOT = re.compile(r"\[(Z\d*)\]")


@dataclass(frozen=True)
class Text:
    """The template's own words, joined to its neighbours exactly as written."""

    text: str


@dataclass(frozen=True)
class Field:
    """A named place for one of the example's inputs."""

    name: str


@dataclass(frozen=True)
class Slot:
    """A place the model fills with an answer."""

    name: str = "Z"


@dataclass(frozen=True)
class Input:
    """A field once filled: an example's text. Whatever it holds, it is plain text."""

    name: str
    text: str


@dataclass(frozen=True)
class Trigger:
    """One token of the model's vocabulary by its id, which a white-box search changes.

    A template has none, for it is text: the space before a trigger belongs to its token.
    """

    token: int


Part = Text | Field | Slot
Filled = tuple[Text | Input | Slot | Trigger, ...]  # what a model reads: never one marked string


@dataclass(frozen=True)
class Template:
    """A prompting function: text with `{named}` input fields and answer slots.

    >>> str(Template.parse("{text} It was [Z]."))
    '{text} It was [Z].'
    """

    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(_merged(self.parts)))
        if not self.slots:
            raise PromptError(
                f"the template {str(self)!r} has no slot; write [Z] where the model should answer"
            )
        if len(set(self.slots)) < len(self.slots):
            raise PromptError(
                f"the template {str(self)!r} has two equal slots; "
                "use one [Z], or name several slots [Z1], [Z2], ..."
            )
        if Template.parts_of(str(self)) != self.parts:
            raise PromptError(f"the template parts {self.parts} have no unambiguous notation")

    @staticmethod
    def parts_of(notation: str) -> tuple[Part, ...]:
        """Return the parts that `notation` stands for; `{{`, `}}` and `[[Z]]` are literal."""
        parts: list[Part] = []
        end = 0
        for match in _NOTATION.finditer(notation):
            parts.append(_literal(notation, end, match.start()))
            parts.append(_part(match))
            end = match.end()
        parts.append(_literal(notation, end, len(notation)))
        return tuple(_merged(parts))

    @classmethod
    def parse(cls, notation: str) -> "Template":
        """Return a template from its notation; `PromptError` says what is wrong with it."""
        return cls(cls.parts_of(notation))

    def __str__(self) -> str:
        return "".join(map(notation_of, self.parts))

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Names of the input fields, each once, in order."""
        return tuple(dict.fromkeys(part.name for part in self.parts if isinstance(part, Field)))

    @cached_property
    def slots(self) -> tuple[str, ...]:
        """Names of the slots, in order."""
        return tuple(part.name for part in self.parts if isinstance(part, Slot))

    def fill(self, inputs: Mapping[str, str]) -> Filled:
        """Put the inputs into their fields; `PromptError` if one is missing."""
        if missing := [name for name in self.fields if name not in inputs]:
            raise PromptError(
                f"the template {str(self)!r} uses {{{missing[0]}}}, but the inputs are "
                f"{', '.join(sorted(inputs)) or 'none'}; use one of these in braces"
            )
        return tuple(
            Input(part.name, inputs[part.name]) if isinstance(part, Field) else part
            for part in self.parts
        )


def _merged(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield the same parts with neighbouring texts joined and empty ones left out."""
    text = ""
    for part in parts:
        if isinstance(part, Text):
            text += part.text
            continue
        if text:
            yield Text(text)
        text = ""
        yield part
    if text:
        yield Text(text)


def _literal(notation: str, start: int, end: int) -> Text:
    text = notation[start:end]
    if lone := re.search(r"[{}]", text):
        raise PromptError(
            f"the template {notation!r} has a lone {lone[0]!r} at character "
            f"{start + lone.start() + 1}; write {{name}} for an input, {{{{ or }}}} for a brace"
        )
    return Text(text)


def _part(match: re.Match[str]) -> Part:
    if name := match["field"]:
        return Field(name)
    if name := match["slot"]:
        return Slot(name)
    if name := match["literal"]:
        return Text(f"[{name}]")
    return Text(match[0][0])  # {{ or }}


def notation_of(part: Part) -> str:
    """Return how a part is written in a template."""
    match part:
        case Text(text):
            return _SLOT.sub(r"[[\1]]", text.replace("{", "{{").replace("}", "}}"))
        case Field(name):
            return f"{{{name}}}"
        case Slot(name):
            return f"[{name}]"


def check_slots_and_fields(
    subject: str, parts: Iterable[object], slots: Sequence[str], inputs: Sequence[str]
) -> None:
    """Raise PromptError if parts lack one of a task's slots, or have a field that it has not."""
    listed = list(parts)
    if sorted(part.name for part in listed if isinstance(part, Slot)) != sorted(slots):
        expected = ", ".join(f"[{name}]" for name in slots)
        raise PromptError(f"{subject} must have the slots of the task: {expected}")
    names = [part.name for part in listed if isinstance(part, Field)]
    if not names:
        raise PromptError(
            f"{subject} has no input field, so every example reads the same; name an input in "
            f"braces, such as {{{inputs[0] if inputs else 'text'}}}"
        )
    if unknown := [name for name in names if name not in inputs]:
        raise PromptError(
            f"{subject} uses {{{unknown[0]}}}, but the inputs are {', '.join(inputs)}"
        )
