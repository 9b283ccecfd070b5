"""A template as a row of words among its fields and slots, which no edit can touch."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from unicodedata import category

from promptsearch.errors import PromptError
from promptsearch.prompt import Field, Part, Separator, Slot, Template, Text

_MARKS = "".join(c for c in map(chr, range(0x300, 0x10000)) if category(c)[0] == "M")
_LETTER = rf"[\w{_MARKS}]"  # with the marks that combine with letters, which \w leaves out
_SPACED = re.compile(rf"(\s*)({_LETTER}+(?:['\u2019-]{_LETTER}+)*|[^\w\s])")
_UNSPACED = re.compile(rf"(\s*)([A-Za-z0-9]+|[^\s][{_MARKS}]*)")


@dataclass(frozen=True)
class TemplateWord:
    """A word, a mark or (without text) a field or slot, with the white space before it."""

    space: str
    text: str
    part: Field | Slot | Separator | None = None

    @property
    def is_word(self) -> bool:
        """True for a word, not for a mark, a field or a slot."""
        return self.text[:1].isalnum()


@dataclass(frozen=True)
class TemplateWords:
    """The pieces of a template."""

    pieces: tuple[TemplateWord, ...]
    end: str = ""  # white space after the last one
    spaced: bool = True  # true if the language puts spaces between words

    @classmethod
    def of(cls, template: Template, spaced: bool = True) -> "TemplateWords":
        """Split every text into pieces; `template` joins them, without space at the start."""
        pieces: list[TemplateWord] = []
        space = ""
        for part in template.word_parts:
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
        """The parts of the template."""
        parts: list[Part] = []
        for number, piece in enumerate(self.pieces):
            space = piece.space if number else piece.space.lstrip()
            parts += [Text(space), piece.part or Text(piece.text)]
        return (*parts, Text(self.end))

    @cached_property
    def template(self) -> Template | None:
        """The template; None if no notation says it."""
        try:
            return Template(self.parts)
        except PromptError:
            return None

    def spans(self, longest: int) -> Iterator[tuple[int, int]]:
        """Split every text into pieces; `template` joins them, but for space at the start."""
        for size in range(1, longest + 1):
            for start in range(len(self.pieces) - size + 1):
                if all(piece.is_word for piece in self.pieces[start : start + size]):
                    yield start, start + size

    def text(self, start: int, stop: int) -> str:
        """Return the words of a span, without the space before them."""
        joined = "".join(piece.space + piece.text for piece in self.pieces[start:stop])
        return joined.lstrip()

    def replaced(self, start: int, stop: int, new: str | Slot) -> "TemplateWords":
        """Replace a span by a text or a slot; an empty text removes the span."""
        pieces = self._new(new, self.pieces[start].space)
        return replace(self, pieces=(*self.pieces[:start], *pieces, *self.pieces[stop:]))

    def inserted(self, position: int, text: str | Slot) -> "TemplateWords":
        """Insert a text or a slot before the piece at a position (or at the end)."""
        new = self._new(text, "" if position == 0 else self._gap)
        after = list(self.pieces[position:])
        if after and not after[0].space:
            after[0] = replace(after[0], space=self._gap)
        return replace(self, pieces=(*self.pieces[:position], *new, *after))

    def swapped(self, earlier: tuple[int, int], later: tuple[int, int]) -> "TemplateWords":
        """Swap two spans, the earlier and the later one."""
        first, second = self.text(*earlier), self.text(*later)
        return self.replaced(*later, first).replaced(*earlier, second)

    @property
    def _gap(self) -> str:
        return " " if self.spaced else ""

    def _new(self, new: str | Slot, space: str) -> list[TemplateWord]:
        """Return the pieces of a text or a slot that has this space before it."""
        if isinstance(new, Slot):
            return [TemplateWord(space, "", new)]
        matches = (_SPACED if self.spaced else _UNSPACED).findall(new)
        return [
            TemplateWord(space_before if n else space, word)
            for n, (space_before, word) in enumerate(matches)
        ]


Edit = tuple[TemplateWords, dict[str, object]]  # the result, and the evidence


def distinct(edits: Iterable[Edit]) -> Iterator[tuple[Template, dict[str, object]]]:
    """Yield the templates of edits, each once, with their evidence."""
    seen: set[Template] = set()
    for words, evidence in edits:
        if words.template is not None and words.template not in seen:
            seen.add(words.template)
            yield words.template, evidence
