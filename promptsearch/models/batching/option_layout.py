"""Options in a sequence: which tokens they are, what each sees, and how positions are counted.

Xu et al. (2022), UniMC, https://arxiv.org/abs/2210.08590, section 3.1: options do not see one
another, and their positions begin anew at each, so that their order means nothing; what follows
begins after the longest of them. Options and the separator behind them are of the second type.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptsearch.models.batching.prefix_tree import PackedSegment, PrefixTree, pack_segments

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class OptionTokens:
    """The tokens that lay out a sequence: no text spells them, so ids tell the options apart."""

    mask: int
    separator: int
    blocks: bool = True  # whether options are blind to one another
    restart: bool = True  # whether positions begin anew at each option

    def layout(self, ids: Sequence[int]) -> "OptionLayout":
        """Return the layout of a sequence: its options begin at masks, and end at a separator."""
        end = ids.index(self.separator, ids.index(self.mask))
        starts = [index for index in range(end) if ids[index] == self.mask]
        return OptionLayout(tuple(starts), end, len(ids), self.blocks, self.restart)

    def packed(self, sequences: Sequence[Sequence[int]]) -> PrefixTree:
        """Return sequences side by side in one row, each option a segment of its own."""
        layouts = [self.layout(list(ids)) for ids in sequences]
        segments = [
            segment
            for number, (ids, layout) in enumerate(zip(sequences, layouts, strict=True))
            for segment in layout.segments(number, ids)
        ]
        return pack_segments(segments, [len(ids) for ids in sequences])


@dataclass(frozen=True)
class OptionLayout:
    """One sequence's options: `starts` are the indices of their masks, `end` is the separator's."""

    starts: tuple[int, ...]
    end: int
    length: int
    blocks: bool = True
    restart: bool = True

    @property
    def options(self) -> list[range]:
        """The tokens of each option, its mask the first."""
        return list(map(range, self.starts, (*self.starts[1:], self.end)))

    @property
    def positions(self) -> Ints:
        """(token,) the position of each."""
        if not self.restart:
            return np.arange(self.length)
        first, longest = self.starts[0], max(map(len, self.options))
        inside = [np.arange(len(option)) for option in self.options]
        after = longest + np.arange(self.length - self.end)
        return np.concatenate([np.arange(first), *(first + part for part in (*inside, after))])

    @property
    def types(self) -> Ints:
        """(token,) 1 for the options and the separator behind them, else 0."""
        index = np.arange(self.length)
        types: Ints = ((index >= self.starts[0]) & (index <= self.end)).astype(np.int64)
        return types

    @property
    def visible(self) -> NDArray[np.bool_]:
        """(query, key): whether a token sees another; only different options do not."""
        option = self._option_of
        query, key = option[:, None], option[None]
        seen: NDArray[np.bool_] = (query == key) | (query < 0) | (key < 0)
        return seen

    @property
    def _option_of(self) -> Ints:
        """(token,) the option that other options do not see it from; -1 where all see it."""
        option = np.full(self.length, -1)
        for number, tokens in enumerate(self.options if self.blocks else []):
            option[tokens] = number
        return option

    def segments(self, sequence: int, ids: Sequence[int]) -> list[PackedSegment]:
        """Return the segments of a sequence: tokens that see the same, and what they see."""
        positions, types, option = self.positions, self.types, self._option_of
        numbers = (*range(len(self.starts) if self.blocks else 0), -1)
        segments = []
        for number in numbers:
            tokens = np.flatnonzero(option == number)
            seen = (option == number) | (option < 0) | (number < 0)
            about = np.asarray(ids)[tokens], np.flatnonzero(seen), positions[tokens], types[tokens]
            segments.append(PackedSegment(sequence, tokens, *about))
        return segments
