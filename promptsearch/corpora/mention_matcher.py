"""Many thousands of names found in text at once, as whole words.

An Aho-Corasick automaton reports every occurrence of every name, overlapping ones included; numpy
then keeps those that stand between word boundaries. Only after that does the longest win: a name
inside a longer name is no mention (no "York" in "New York", no "New York" in "New York City").
Asking the automaton for the longest instead would lose names: in "Al Jazeeras" it would report
"Al Jazeera", which is no whole word, and never the "Al" before it.

Names are matched as given, case included; a lower-case name also with a capital first letter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from promptsearch.corpora.sentence_boundaries import PAD, Bytes, Flags, Offsets
from promptsearch.corpora.short_names import ShortNames, is_short


@dataclass(frozen=True)
class Hits:
    """Occurrences of names: one entry a hit, ordered by start (the longer one first)."""

    name: Offsets  # index into the matcher's names
    start: Offsets
    end: Offsets  # exclusive

    def __len__(self) -> int:
        return len(self.name)

    @property
    def arrays(self) -> tuple[Offsets, Offsets, Offsets]:
        return self.name, self.start, self.end

    def where(self, chosen: Flags | Offsets) -> "Hits":
        """Return the hits that are marked, or numbered in the order given."""
        return Hits(self.name[chosen], self.start[chosen], self.end[chosen])


class Matcher:
    """Finds whole-word occurrences of `names` (distinct, not empty) in padded UTF-8 text."""

    def __init__(self, names: Sequence[str], spaced: bool = True) -> None:
        from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

        self.names = names
        self.spaced = spaced
        self._word_first = np.array([_is_word(name[0]) for name in names], dtype=np.bool_)
        self._word_last = np.array([_is_word(name[-1]) for name in names], dtype=np.bool_)
        self._short = ShortNames(names if spaced else ())
        long = [at for at, name in enumerate(names) if not (spaced and is_short(name))]
        self._long = np.array(long, dtype=np.int64)
        self._automaton = BytesAhoCorasick(
            [names[at].encode() for at in long], MatchKind.Standard, Implementation.ContiguousNFA
        )

    def hits(self, chunk: bytes, text: Bytes) -> Hits:
        """Return all whole-word hits, overlapping ones too; `text` is `chunk` as an array."""
        matches = self._automaton.find_matches_as_indexes(chunk, overlapping=True)
        flat = np.fromiter(chain.from_iterable(matches), dtype=np.int64, count=3 * len(matches))
        pattern, start, end = flat.reshape(-1, 3).T
        hits = Hits(self._long[pattern], start, end)
        if self.spaced:
            hits = hits.where(self._at_boundaries(text, hits))
        if len(self._short):
            short = Hits(*self._short.hits(text, word_bytes(text)))
            hits = Hits(*map(np.concatenate, zip(hits.arrays, short.arrays, strict=True)))
        return hits.where(np.lexsort((-hits.end, hits.start)))

    def _at_boundaries(self, text: Bytes, hits: Hits) -> Flags:
        """A name that ends in a word character must not go on in the text; likewise its start."""
        free_start = ~_word_ends_at(text, hits.start) | ~self._word_first[hits.name]
        free_end = ~_word_starts_at(text, hits.end) | ~self._word_last[hits.name]
        return free_start & free_end


def outermost(hits: Hits) -> Hits:
    """Return the hits that lie inside no other hit; `hits` are ordered as `Hits` says."""
    if not len(hits):
        return hits
    reach = np.maximum.accumulate(hits.end)  # how far any hit so far goes
    inside = np.concatenate([[False], hits.end[1:] <= reach[:-1]])
    return hits.where(~inside)


def surfaces(name: str) -> tuple[str, ...]:
    """Return how a name may be written: as it is, and capitalised where it is lower-case.

    >>> surfaces("the euro")
    ('the euro', 'The euro')
    """
    capitalised = name[:1].upper() + name[1:]
    return (name,) if capitalised == name else (name, capitalised)


def all_surfaces(names: Iterable[str]) -> list[str]:
    """Return every way to write any of the names, each once, sorted."""
    return sorted({surface for name in names if name.strip() for surface in surfaces(name)})


def as_array(chunk: bytes) -> Bytes:
    assert chunk.startswith(PAD)
    assert chunk.endswith(PAD)
    return np.frombuffer(chunk, dtype=np.uint8)


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


_WORD_BYTE = np.zeros(256, dtype=np.bool_)
_WORD_BYTE[[byte for byte in range(128) if _is_word(chr(byte))]] = True
_WORD_BYTE[128:] = True  # letters beyond ASCII, unless they are marks (below)


def word_bytes(text: Bytes) -> Flags:
    """Return which bytes belong to words."""
    inside = _WORD_BYTE[text]
    beyond = np.flatnonzero(text >= 0xC2)  # where a character beyond ASCII starts
    for size, is_mark in ((2, _short_mark), (3, _long_mark)):
        marks = beyond[is_mark(text, beyond)]
        for at in range(size):
            inside[marks + at] = False
    return inside


def _word_starts_at(text: Bytes, at: Offsets) -> Flags:
    return _WORD_BYTE[text[at]] & ~_short_mark(text, at) & ~_long_mark(text, at)


def _word_ends_at(text: Bytes, at: Offsets) -> Flags:
    """Return whether the character before each offset belongs to a word."""
    return _WORD_BYTE[text[at - 1]] & ~_short_mark(text, at - 2) & ~_long_mark(text, at - 3)


def _short_mark(text: Bytes, at: Offsets) -> Flags:
    """Return whether a mark or space of two bytes starts at each offset: « » · (U+0080-00BF)."""
    mark: Flags = text[at] == 0xC2
    return mark


def _long_mark(text: Bytes, at: Offsets) -> Flags:
    """Return where a mark of three bytes begins: U+2000-206F (– “ …), U+3000-303F (、), ！ （."""
    lead, second = text[at], text[at + 1]
    general = (lead == 0xE2) & ((second == 0x80) | (second == 0x81))
    wide = (lead == 0xE3) & (second == 0x80)
    full = (lead == 0xEF) & (second == 0xBC) & (text[at + 2] <= 0x8F)
    mark: Flags = general | wide | full
    return mark
