"""A template as a row of words among its fields and slots, which no edit can touch."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from unicodedata import category

from promptsearch.errors import PromptError
from promptsearch.prompt import Field, Part, Slot, Template, Text

_MARKS = "".join(c for c in map(chr, range(0x300, 0x10000)) if category(c)[0] == "M")
_LETTER = rf"[\w{_MARKS}]"  # with the marks that combine with letters, which \w leaves out
_SPACED = re.compile(rf"(\s*)({_LETTER}+(?:['\u2019-]{_LETTER}+)*|[^\w\s])")
_UNSPACED = re.compile(rf"(\s*)([A-Za-z0-9]+|[^\s][{_MARKS}]*)")


@dataclass(frozen=True)
class TemplateWord:
    """A word, a punctuation mark or (with no text) a place, and the white space before it."""

    space: str
    text: str
    part: Field | Slot | None = None

    @property
    def is_word(self) -> bool:
        """Whether it is a word, not a mark or a place."""
        return self.text[:1].isalnum()


@dataclass(frozen=True)
class TemplateWords:
    """The pieces of a template."""

    pieces: tuple[TemplateWord, ...]
    end: str = ""  # white space after the last one
    spaced: bool = True  # whether the language puts spaces between words

    @classmethod
    def of(cls, template: Template, spaced: bool = True) -> "TemplateWords":
        """Every text taken apart; `template` puts it together, but for space at its start."""
        pieces: list[TemplateWord] = []
        space = ""
        for part in template.parts:
            if isinstance(part, Text):
                matches = (_SPACED if spaced else _UNSPACED).findall(part.text)
                pieces += (TemplateWord(before, text) for before, text in matches)
                space = part.text[len(part.text.rstrip()) :]
            else:
                pieces.append(TemplateWord(space, "", part))
                space = ""
        return cls(tuple(pieces), space, spaced)

    @property
    def parts(self) -> tuple[Part, ...]:
        """As a template has them."""
        parts: list[Part] = []
        for number, piece in enumerate(self.pieces):
            space = piece.space if number else piece.space.lstrip()
            parts += [Text(space), piece.part or Text(piece.text)]
        return (*parts, Text(self.end))

    @cached_property
    def template(self) -> Template | None:
        """None where the notation cannot say it."""
        try:
            return Template(self.parts)
        except PromptError:
            return None

    def spans(self, longest: int) -> Iterator[tuple[int, int]]:
        """(start, stop) of every run of words, up to so many, in order; shorter ones first."""
        for size in range(1, longest + 1):
            for start in range(len(self.pieces) - size + 1):
                if all(piece.is_word for piece in self.pieces[start : start + size]):
                    yield start, start + size

    def text(self, start: int, stop: int) -> str:
        """The words of a span, without the space before them."""
        joined = "".join(piece.space + piece.text for piece in self.pieces[start:stop])
        return joined.lstrip()

    def replaced(self, start: int, stop: int, new: str | Slot) -> "TemplateWords":
        """The span with a text, or a slot, in its place; an empty text takes the span away."""
        pieces = self._new(new, self.pieces[start].space)
        return replace(self, pieces=(*self.pieces[:start], *pieces, *self.pieces[stop:]))

    def inserted(self, at: int, text: str | Slot) -> "TemplateWords":
        """With a text, or a slot, before piece `at` (or at the end)."""
        new = self._new(text, "" if at == 0 else self._gap)
        after = list(self.pieces[at:])
        if after and not after[0].space:
            after[0] = replace(after[0], space=self._gap)
        return replace(self, pieces=(*self.pieces[:at], *new, *after))

    def swapped(self, earlier: tuple[int, int], later: tuple[int, int]) -> "TemplateWords":
        """With two spans, the first before the second, in each other's place."""
        first, second = self.text(*earlier), self.text(*later)
        return self.replaced(*later, first).replaced(*earlier, second)

    @property
    def _gap(self) -> str:
        return " " if self.spaced else ""

    def _new(self, new: str | Slot, space: str) -> list[TemplateWord]:
        """The pieces of a text, or of a slot, that has this space before it."""
        if isinstance(new, Slot):
            return [TemplateWord(space, "", new)]
        matches = (_SPACED if self.spaced else _UNSPACED).findall(new)
        return [
            TemplateWord(space_before if n else space, word)
            for n, (space_before, word) in enumerate(matches)
        ]


Edit = tuple[TemplateWords, dict[str, object]]  # what comes out, and what was done


def distinct(edits: Iterable[Edit]) -> Iterator[tuple[Template, dict[str, object]]]:
    """The templates of edits, each once."""
    seen: set[Template] = set()
    for wording, done in edits:
        if wording.template is not None and wording.template not in seen:
            seen.add(wording.template)
            yield wording.template, done
