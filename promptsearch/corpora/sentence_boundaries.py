"""Sentence boundaries in UTF-8 bytes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]


Offsets = NDArray[np.int64]


Flags = NDArray[np.bool_]


PAD = b"\n" * 8  # around every chunk, so that looking a few bytes left or right is always allowed


ABBREVIATIONS = (  # noqa: SIM905 (a list of words reads best as words)
    "Mr Mrs Ms Dr Prof Rev Hon Sen Rep Gov Pres Gen Col Maj Lt Sgt Capt Cmdr Adm Sr Jr St Ste Mt "
    "Ft Inc Ltd Co Corp Bros vs etc al No Nos Vol vol pp Fig fig Op op ed Ed eds cf ca approx "
    "Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Nov Dec Ave Blvd Rd Dept Univ Assn lit trans"
).split()


_LONGEST = 7  # letters of a word that are compared with the abbreviations: one more than theirs


def sentence_starts(text: Bytes, spaced: bool, across: bool = False) -> Offsets:
    """Offsets where a sentence starts, ascending, 0 first and the length of `text` last.

    `text` is padded (`PAD`). With `across` only lines end, as in LPAQA's release.
    """
    starts = [np.array([0, len(text)]), np.flatnonzero(text == ord("\n")) + 1]
    if not across:
        starts.append(_after_stops(text) if spaced else _after_wide_stops(text))
    return np.unique(np.concatenate(starts))


def _table(characters: str) -> Flags:
    table = np.zeros(256, dtype=np.bool_)
    table[[ord(character) for character in characters]] = True
    return table


_STOP = _table(".!?")


_CLOSING = _table("\"')]")


_OPENING = _table("\"'([")


_CAPITAL = _table("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


_LETTER = _CAPITAL | _table("abcdefghijklmnopqrstuvwxyz")


def _after_stops(text: Bytes) -> Offsets:
    """Return where the next sentence starts behind each `.`, `!` or `?` that ends one."""
    stop = np.flatnonzero(_STOP[text])
    after = stop + 1
    for _ in range(2):  # '."', '?)', '!”'
        after = after + _CLOSING[text[after]] + 3 * _is_curly(text, after, (0x99, 0x9D))
    spaced = text[after] == ord(" ")
    stop, start = stop[spaced], after[spaced] + 1
    start = start + (text[start] == ord(" "))
    ends = _opens_sentence(text, start) & ~((text[stop] == ord(".")) & _abbreviates(text, stop))
    opened: Offsets = start[ends]
    return opened


def _is_curly(text: Bytes, at: Offsets, last: Sequence[int]) -> Flags:
    """Return whether one of the marks U+2010..U+203F stands at each offset, by its last byte."""
    mark = (text[at] == 0xE2) & (text[at + 1] == 0x80)
    curly: Flags = mark & np.isin(text[at + 2], last)
    return curly


def _opens_sentence(text: Bytes, at: Offsets) -> Flags:
    """A capital, perhaps quoted; beyond Latin-1 any letter, as no single byte tells their case."""
    at = at + _OPENING[text[at]] + 3 * _is_curly(text, at, (0x98, 0x9C))
    lead, following = text[at], text[at + 1]
    latin = (lead == 0xC3) & (following <= 0x9E)
    opens: Flags = _CAPITAL[lead] | latin | ((lead > 0xC3) & (lead != 0xE2))
    return opens


def _abbreviates(text: Bytes, stop: Offsets) -> Flags:
    """Return whether the word before each full stop is an initial or a known abbreviation.

    The word's last letters are packed into one integer, so that all are looked up at once.
    """
    packed = np.zeros(len(stop), dtype=np.int64)
    inside = np.ones(len(stop), dtype=np.bool_)
    for back in range(1, _LONGEST + 1):
        letter = text[stop - back]
        inside &= _LETTER[letter]
        packed += np.where(inside, letter, 0).astype(np.int64) << (8 * (back - 1))
    initial = (packed < 256) & _CAPITAL[packed & 255]
    abbreviates: Flags = initial | np.isin(packed, _PACKED)
    return abbreviates


_PACKED = np.array([int.from_bytes(word.encode(), "big") for word in ABBREVIATIONS], dtype=np.int64)


def _after_wide_stops(text: Bytes) -> Offsets:
    """Behind 。！？ (and ! ?), with a closing quote 」 or ” taken along."""
    lead = np.flatnonzero((text == 0xE3) | (text == 0xEF))
    second, third = text[lead + 1], text[lead + 2]
    wide = (text[lead] == 0xE3) & (second == 0x80) & (third == 0x82)
    wide |= (text[lead] == 0xEF) & (second == 0xBC) & np.isin(third, (0x81, 0x9F))
    narrow = np.flatnonzero((text == ord("!")) | (text == ord("?")))
    after = np.concatenate([lead[wide] + 3, narrow + 1])
    corner = (text[after] == 0xE3) & (text[after + 1] == 0x80) & (text[after + 2] == 0x8D)
    behind: Offsets = after + 3 * (corner | _is_curly(text, after, (0x9D,)))
    return behind
