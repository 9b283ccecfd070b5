"""Names of one to three letters, found as words rather than as strings.

"de" or "art" stand inside every other word, and an automaton reports each of these; in a real
list of names the short ones cause most of its hits and nearly none of the whole words. Here the
words of the text are found instead, and the short ones looked up: half the time for all names.
"""

from collections.abc import Sequence

import numpy as np

from promptsearch.corpora.sentence_boundaries import Bytes, Flags, Offsets

LONGEST = 3  # bytes


def is_short(name: str) -> bool:
    """Return whether the name is a single ASCII word that the lookup can hold."""
    return len(name) <= LONGEST and name.isascii() and name.isalnum()


class ShortNames:
    """Looks words up among the short ones of `names`."""

    def __init__(self, names: Sequence[str]) -> None:
        packed = {_packed_name(name): at for at, name in enumerate(names) if is_short(name)}
        self._packed = np.array(sorted(packed), dtype=np.int64)
        self._name = np.array([packed[key] for key in sorted(packed)], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._packed)

    def hits(self, text: Bytes, is_word: Flags) -> tuple[Offsets, Offsets, Offsets]:
        """Return (name, start, end) of each name; `is_word` marks bytes inside words."""
        edges = np.flatnonzero(is_word[1:] != is_word[:-1]) + 1  # padding on both sides: even
        start, end = edges[::2], edges[1::2]
        length = end - start
        short = length <= LONGEST
        start, end, length = start[short], end[short], length[short]
        key = _packed(text, start, length)
        at = np.minimum(np.searchsorted(self._packed, key), len(self._packed) - 1)
        is_name = self._packed[at] == key
        return self._name[at[is_name]], start[is_name], end[is_name]


def _packed(text: Bytes, start: Offsets, length: Offsets) -> Offsets:
    """Return the word's bytes as one integer, first byte lowest; no two words share one."""
    key = text[start].astype(np.int64)
    for at in range(1, LONGEST):
        letter = text[start + at].astype(np.int64)
        key += np.where(at < length, letter, 0) << (8 * at)
    return key


def _packed_name(name: str) -> int:
    return int.from_bytes(name.encode(), "little")
