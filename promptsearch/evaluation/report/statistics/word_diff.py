"""The changes between two templates, word by word."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from promptsearch.prompt import Field, Slot, Template, Text
from promptsearch.prompt.template import notation_of

_LITERAL = r"\{\{|\}\}|\[\[Z\d*\]\]"
_WORDS = re.compile(rf"{_LITERAL}|\s+|\w+(?:['’-]\w+)*|[^\w\s]")
_CHARACTERS = re.compile(rf"{_LITERAL}|\s+|[A-Za-z0-9]+|\S")

Kind = Literal["text", "field", "slot"]


@dataclass(frozen=True)
class Word:
    """Piece of a template's notation."""

    text: str
    kind: Kind = "text"


@dataclass(frozen=True)
class TemplateChange:
    """Words that both templates have, or only the old one, or only the new one."""

    state: Literal["kept", "gone", "new"]
    words: tuple[Word, ...]


def words_of(template: Template, spaced: bool = True) -> tuple[Word, ...]:
    """Return the whole notation in words, marks and white space."""
    return tuple(_words(template, _WORDS if spaced else _CHARACTERS))


def _words(template: Template, pattern: re.Pattern[str]) -> Iterator[Word]:
    for part in template.parts:
        match part:
            case Text():
                yield from map(Word, pattern.findall(notation_of(part)))
            case Field():
                yield Word(notation_of(part), "field")
            case Slot():
                yield Word(notation_of(part), "slot")


def changes(old: Template, new: Template, spaced: bool = True) -> tuple[TemplateChange, ...]:
    """Return the changes between two templates; kept and gone words make up the old one."""
    before, after = words_of(old, spaced), words_of(new, spaced)
    changed: list[TemplateChange] = []
    matcher = SequenceMatcher(_is_space, before, after, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            changed.append(TemplateChange("kept", before[a:b]))
            continue
        if a < b:
            changed.append(TemplateChange("gone", before[a:b]))
        if c < d:
            changed.append(TemplateChange("new", after[c:d]))
    return tuple(changed)


def _is_space(word: Word) -> bool:
    """Return whether a word is white space, which aligns nothing."""
    return word.text.isspace()


@dataclass(frozen=True)
class AnswerChange:
    """Change of one label's answers."""

    label: str
    gone: tuple[str, ...]
    new: tuple[str, ...]


def answer_changes(
    old: dict[str, tuple[str, ...]], new: dict[str, tuple[str, ...]]
) -> tuple[AnswerChange, ...]:
    """Return the labels whose answers changed, in the new order."""
    changed = []
    for label in dict.fromkeys([*new, *old]):
        before, after = old.get(label, ()), new.get(label, ())
        gone = tuple(answer for answer in before if answer not in after)
        added = tuple(answer for answer in after if answer not in before)
        if gone or added:
            changed.append(AnswerChange(label, gone, added))
    return tuple(changed)
