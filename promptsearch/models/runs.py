"""What stands side by side in a row of tokens: runs of one shape, and parts for a GPU's kernel."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

KEYS = 1 << 14  # tokens that are seen in all by a run, or a part: keys and values are copied


@dataclass(frozen=True, eq=False)
class Run:
    """Neighbouring segments of one shape: each adds `fresh` tokens and sees `seen` in all."""

    start: int  # its first token in the row
    count: int
    fresh: int
    seen: int
    keys: Tensor | None = None  # (segment, seen) tokens that each sees; None: its own, all fresh

    @property
    def stop(self) -> int:
        return self.start + self.count * self.fresh


@dataclass(frozen=True, eq=False)
class Part:
    """Neighbouring runs, of whatever shapes, as a kernel for sequences of many lengths takes them.

    Run by run, a row of dozens of lengths is dozens of launches a layer, and a GPU waits for them.
    """

    start: int
    stop: int
    queries: Tensor  # (segment + 1,) int32: where each segment's tokens begin, from `start`
    keys: Tensor  # (segment + 1,) int32: where what each sees begins
    longest: tuple[int, int]  # segment, and what one sees
    seen: Tensor | None  # (key,) which tokens; None: its own, all of them fresh

    @classmethod
    def of(cls, runs: Sequence[Run]) -> "Part":
        """Of neighbours that all see their own tokens only, or all see `keys`."""
        fresh, seen = ([getattr(run, name) for run in runs] for name in ("fresh", "seen"))
        counts = [run.count for run in runs]
        keys = [run.keys.flatten() for run in runs if run.keys is not None]
        return cls(
            runs[0].start,
            runs[-1].stop,
            torch.from_numpy(_bounds(fresh, counts)),
            torch.from_numpy(_bounds(seen, counts)),
            (max(fresh), max(seen)),
            torch.cat(keys) if keys else None,
        )

    def to(self, device: torch.device) -> "Part":
        """The same on a device."""
        seen = None if self.seen is None else self.seen.to(device)
        queries, keys = self.queries.to(device), self.keys.to(device)
        return replace(self, queries=queries, keys=keys, seen=seen)


def parts_of(runs: Sequence[Run], device: torch.device) -> tuple[Part, ...]:
    """The runs in as few parts as memory allows; none where no kernel takes them."""
    one_kernel = device.type == "cuda" and hasattr(torch.ops.aten, "_efficient_attention_forward")
    return tuple(Part.of(some).to(device) for some in grouped(runs)) if one_kernel else ()


def grouped(runs: Sequence[Run]) -> Iterator[list[Run]]:
    """Neighbours together: all that see their own tokens, and others as long as copies are few."""
    group: list[Run] = []
    size = 0
    for run in runs:
        copied = 0 if run.keys is None else run.count * run.seen
        if group and ((group[-1].keys is None) != (run.keys is None) or size + copied > KEYS):
            yield group
            group, size = [], 0
        group.append(run)
        size += copied
    if group:
        yield group


def _bounds(sizes: Sequence[int], counts: Sequence[int]) -> NDArray[np.int32]:
    """(segment + 1,) from the sizes of runs of so many segments."""
    return np.concatenate([[0], np.repeat(sizes, counts).cumsum()]).astype(np.int32)
