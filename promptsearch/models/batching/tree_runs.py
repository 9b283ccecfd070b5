"""Runs of equal segments in a row of tokens, and their grouping into calls of a GPU's kernel."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

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
