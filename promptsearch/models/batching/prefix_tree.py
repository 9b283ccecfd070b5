"""Sequences packed into one row of tokens without padding, common prefixes stored once.

A sequence is a path through a tree: it shares the nodes of the longest prefix that another sequence
has, and adds its own. Every token passes through the model once, whatever the number of sequences
that go through it, and attention follows the paths.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

KEYS = 1 << 14  # tokens that are seen in all by a run, or a part: keys and values are copied
SEGMENTS = (1 << 16) - 1  # of a part: CUDA launches no more blocks along that side


@dataclass(frozen=True, eq=False)
class SegmentRun:
    """Neighbouring segments of one shape: `query_length` new tokens, `key_length` in all."""

    start: int  # its first token in the row
    count: int
    query_length: int
    key_length: int
    keys: Tensor | None = None  # (segment, seen) tokens that each sees; None: its own, all fresh

    @property
    def stop(self) -> int:
        return self.start + self.count * self.query_length


@dataclass(frozen=True, eq=False)
class KernelBatch:
    """Neighbouring runs, of any shapes, for one call of a kernel for sequences of many lengths.

    Run by run, a row of dozens of lengths is dozens of launches a layer, and a GPU waits for them.
    """

    start: int
    stop: int
    query_bounds: Tensor  # (segment + 1,) int32: where each segment's tokens begin, from `start`
    key_bounds: Tensor  # (segment + 1,) int32: where what each sees begins, in `keys`
    max_lengths: tuple[int, int]  # segment, and what one sees
    keys: Tensor | None  # (key,) tokens that are seen, by segment; None: its own, all of them fresh

    @classmethod
    def of(cls, runs: Sequence[SegmentRun]) -> "KernelBatch":
        """Return neighbouring runs, all with `keys` or all without, as one batch."""
        query_lengths, key_lengths = (
            [getattr(run, name) for run in runs] for name in ("query_length", "key_length")
        )
        counts = [run.count for run in runs]
        keys = [run.keys.flatten() for run in runs if run.keys is not None]
        return cls(
            runs[0].start,
            runs[-1].stop,
            torch.from_numpy(_bounds(query_lengths, counts)),
            torch.from_numpy(_bounds(key_lengths, counts)),
            (max(query_lengths), max(key_lengths)),
            torch.cat(keys) if keys else None,
        )

    def to(self, device: torch.device) -> "KernelBatch":
        """Return the batch on a device; itself if it is there, since every layer calls this."""
        if self.query_bounds.device == device:
            return self
        bounds = self.query_bounds.to(device), self.key_bounds.to(device)
        keys = None if self.keys is None else self.keys.to(device)
        return replace(self, query_bounds=bounds[0], key_bounds=bounds[1], keys=keys)


def parts_of(runs: Sequence[SegmentRun]) -> tuple[KernelBatch, ...]:
    """Return the runs in as few batches as memory and the kernel allow."""
    return tuple(
        KernelBatch.of(group) for group in _grouped([r for run in runs for r in _cut(run)])
    )


def _after(run: SegmentRun, prefix: int) -> Iterator[SegmentRun]:
    """Yield the run with keys that begin with a prefix, in pieces that copy few of them."""
    keys = run.keys
    if keys is None:
        keys = torch.arange(run.start, run.stop).view(run.count, run.query_length)
    first = torch.arange(prefix, device=keys.device).expand(run.count, prefix)
    seen, length = torch.cat([first, keys + prefix], 1), prefix + run.key_length
    start = run.start
    for part in seen.split(max(1, KEYS // length)):
        yield SegmentRun(start, len(part), run.query_length, length, part)
        start += len(part) * run.query_length


def _cut(run: SegmentRun) -> Iterator[SegmentRun]:
    """Yield the run in pieces of as many segments as a batch may have."""
    for first in range(0, run.count, SEGMENTS):
        segments = slice(first, min(first + SEGMENTS, run.count))
        keys = None if run.keys is None else run.keys[segments]
        start = run.start + first * run.query_length
        yield SegmentRun(start, segments.stop - first, run.query_length, run.key_length, keys)


def _grouped(runs: Sequence[SegmentRun]) -> Iterator[list[SegmentRun]]:
    """Yield neighbouring runs that make one batch; copies of keys and values are limited."""
    group: list[SegmentRun] = []
    copied_keys = segments = 0
    for run in runs:
        key_count = 0 if run.keys is None else run.count * run.key_length
        is_full = copied_keys + key_count > KEYS or segments + run.count > SEGMENTS
        if group and (is_full or (group[-1].keys is None) != (run.keys is None)):
            yield group
            group, copied_keys, segments = [], 0, 0
        group.append(run)
        copied_keys, segments = copied_keys + key_count, segments + run.count
    if group:
        yield group


def _bounds(sizes: Sequence[int], counts: Sequence[int]) -> NDArray[np.int32]:
    """Return (segment + 1,): where segments begin, from the sizes and counts of runs."""
    return np.concatenate([[0], np.repeat(sizes, counts).cumsum()]).astype(np.int32)


class Shaped(Protocol):
    """A segment of a row."""

    @property
    def shape(self) -> tuple[int, int]:
        """How many tokens it sees, and how many it adds."""
        ...


Each = TypeVar("Each", bound=Shaped)
ROUND = 64  # tokens of a row are a multiple of it: kernels are compiled for each size they meet

Path = NDArray[np.int64]  # (token,) which tokens of the row a sequence goes through
Keys = NDArray[np.int64]  # (segment, seen) tokens of the row that each sees


@dataclass(frozen=True, eq=False)
class PrefixTree:
    """A row of tokens, the runs that it consists of, and each sequence's path through it."""

    ids: Tensor  # (token,) zeros at the end where nothing stands
    depths: Tensor  # (token,) position of each token in its sequences
    runs: tuple[SegmentRun, ...]
    paths: tuple[Path, ...]  # in the order of the sequences given
    types: Tensor | None = None  # (token,) 0 or 1; None: all 0
    _batches: dict[int, tuple[KernelBatch, ...]] = field(default_factory=dict, init=False)

    def kernel_batches(self, prefix: int = 0) -> tuple[KernelBatch, ...]:
        """Return the runs grouped into calls of a GPU's kernel.

        With a prefix, its keys stand before the row's, and all tokens see them.
        """
        if prefix not in self._batches:
            runs = [r for run in self.runs for r in _after(run, prefix)] if prefix else self.runs
            self._batches[prefix] = tuple(part.to(self.ids.device) for part in parts_of(runs))
        return self._batches[prefix]

    def to(self, device: torch.device) -> "PrefixTree":
        """Return the tree on a device; paths stay on the CPU."""
        runs = tuple(
            run if run.keys is None else replace(run, keys=run.keys.to(device)) for run in self.runs
        )
        types = None if self.types is None else self.types.to(device)
        ids, depths = self.ids.to(device), self.depths.to(device)
        return replace(self, ids=ids, depths=depths, types=types, runs=runs)


@dataclass(frozen=True, eq=False)
class _Segment:
    """The tokens that one sequence adds to the tree; tokens are numbered as they are added."""

    first: int
    ids: Sequence[int]
    path: Path

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.path), len(self.ids)

    @property
    def is_fresh(self) -> bool:
        """Whether it sees no other segment's tokens."""
        return len(self.path) == len(self.ids)


def pack_separately(sequences: Sequence[Sequence[int]]) -> PrefixTree:
    """Return sequences side by side, none of them shared; those of equal length are one run."""
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    starts = np.zeros(len(sequences), dtype=np.int64)
    runs, row_start = [], 0
    for length, group in groupby(order, key=lambda i: len(sequences[i])):
        members = list(group)
        starts[members] = row_start + length * np.arange(len(members))
        runs.append(SegmentRun(row_start, len(members), length, length))
        row_start = runs[-1].stop
    ids = [token for i in order for token in sequences[i]]
    depths = np.concatenate([np.tile(np.arange(run.query_length), run.count) for run in runs])
    paths = (start + np.arange(len(s)) for start, s in zip(starts, sequences, strict=True))
    return _tree(ids, depths, runs, tuple(paths))


def pack_sharing_prefixes(sequences: Sequence[Sequence[int]], roots: Sequence[int]) -> PrefixTree:
    """Return a tree in which sequences of one root share their common prefixes."""
    paths: dict[int, Path] = {}
    segments = list(_segments(sequences, roots, paths))
    segments.sort(key=lambda segment: segment.shape)  # stable: of a shape, in order
    row_position = _row_positions(segments)

    def keys_of(members: list[_Segment]) -> Keys | None:
        if members[0].is_fresh:
            return None
        return row_position[np.stack([segment.path for segment in members])]

    runs = _runs(segments, keys_of)
    ids = [token for segment in segments for token in segment.ids]
    depths = np.concatenate([np.arange(len(s.path) - len(s.ids), len(s.path)) for s in segments])
    return _tree(ids, depths, runs, tuple(row_position[paths[i]] for i in range(len(sequences))))


def _runs(
    segments: Sequence[Each], keys_of: Callable[[list[Each]], Keys | None]
) -> list[SegmentRun]:
    """Return the runs of segments, which are sorted by shape.

    A run sees at most `KEYS` tokens in all; `keys_of` segments of one shape says which.
    """
    runs: list[SegmentRun] = []
    for (key_length, query_length), group in groupby(segments, key=lambda segment: segment.shape):
        alike = list(group)
        most = max(1, KEYS // key_length)
        for members in (alike[i : i + most] for i in range(0, len(alike), most)):
            start, seen = runs[-1].stop if runs else 0, keys_of(members)
            keys = None if seen is None else torch.from_numpy(seen)
            runs.append(SegmentRun(start, len(members), query_length, key_length, keys))
    return runs


@dataclass(frozen=True, eq=False)
class PackedSegment:
    """Tokens of one sequence that see the same of it; all but `sequence` are numbers by token."""

    sequence: int
    tokens: NDArray[np.int64]  # which of the sequence's they are
    ids: NDArray[np.int64]
    keys: NDArray[np.int64]  # the tokens of the sequence that all of them see
    positions: NDArray[np.int64]
    types: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.keys), len(self.tokens)


def pack_segments(segments: Sequence[PackedSegment], lengths: Sequence[int]) -> PrefixTree:
    """Return a row of sequences of these lengths, whose tokens see what their segments say."""
    order = sorted(segments, key=lambda segment: segment.shape)  # stable: of a shape, in order
    paths = [np.empty(length, dtype=np.int64) for length in lengths]
    start = 0
    for segment in order:
        paths[segment.sequence][segment.tokens] = start + np.arange(len(segment.tokens))
        start += len(segment.tokens)

    def keys_of(members: list[PackedSegment]) -> Keys:
        return np.stack([paths[segment.sequence][segment.keys] for segment in members])

    runs = _runs(order, keys_of)
    ids, positions, types = (
        np.concatenate([getattr(segment, name) for segment in order])
        for name in ("ids", "positions", "types")
    )
    tree = _tree(ids.tolist(), positions, runs, tuple(paths))
    padded = np.pad(types, (0, len(tree.ids) - len(types)))
    return replace(tree, types=torch.from_numpy(padded))


def _segments(
    sequences: Sequence[Sequence[int]], roots: Sequence[int], paths: dict[int, Path]
) -> list[_Segment]:
    """Return, in sorted order, the tokens that each sequence adds to the one before it."""
    segments: list[_Segment] = []
    previous: tuple[int, Sequence[int], Path] = (-1, (), np.empty(0, dtype=np.int64))
    count = 0
    for i in sorted(range(len(sequences)), key=lambda i: (roots[i], sequences[i])):
        root, ids = roots[i], sequences[i]
        shared = common_prefix_length(previous[1], ids) if previous[0] == root else 0
        new_tokens = len(ids) - shared
        path = np.concatenate([previous[2][:shared], np.arange(count, count + new_tokens)])
        if new_tokens:
            segments.append(_Segment(count, ids[shared:], path))
        paths[i], previous, count = path, (root, ids, path), count + new_tokens
    return segments


def _row_positions(segments: Sequence[_Segment]) -> NDArray[np.int64]:
    """Return the position of each token, by its first number, in the row of these segments."""
    numbers = np.concatenate([np.arange(s.first, s.first + len(s.ids)) for s in segments])
    position = np.empty(len(numbers), dtype=np.int64)
    position[numbers] = np.arange(len(numbers))
    return position


def common_prefix_length(a: Sequence[int], b: Sequence[int]) -> int:
    """Return how many first ids are equal in both sequences."""
    shorter = min(len(a), len(b))
    if a[:shorter] == b[:shorter]:
        return shorter
    return next(i for i in range(shorter) if a[i] != b[i])


def _tree(
    ids: list[int], depths: NDArray[np.int64], runs: list[SegmentRun], paths: tuple[Path, ...]
) -> PrefixTree:
    padding = -len(ids) % ROUND
    padded = torch.tensor(ids + [0] * padding)
    return PrefixTree(padded, torch.from_numpy(np.pad(depths, (0, padding))), tuple(runs), paths)
