"""The correlation of scores on dev and on test over prompts, beside that of random orders."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000  # of the permutations that show what chance gives
FEWEST = 4  # prompts; among three, every order is likely

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """Scores of a prompt on both splits."""

    id: str
    dev: float
    test: float


@dataclass(frozen=True)
class DevTestCorrelation:
    """Spearman's rank correlation in [-1, 1], None where it is not defined.

    95 of 100 random orders stay below `chance`, in absolute value.
    """

    metric: str
    pairs: tuple[Pair, ...]
    spearman: float | None
    chance: float | None

    @property
    def exceeds_chance(self) -> bool:
        """True if the correlation is larger than chance gives."""
        if self.spearman is None or self.chance is None:
            return False
        return abs(self.spearman) > self.chance


def relation_of(pairs: Sequence[Pair], metric: str, seed: int = 0) -> DevTestCorrelation:
    """Return the rank correlation of some prompts' scores, and that of random orders."""
    dev, test = (ranks(np.array([getattr(p, split) for p in pairs])) for split in ("dev", "test"))
    spearman = correlation(dev, test) if len(pairs) >= FEWEST else None
    if spearman is None:
        return DevTestCorrelation(metric, tuple(pairs), None, None)
    rng = np.random.default_rng(seed)
    drawn = [abs(correlation(dev, rng.permutation(test)) or 0.0) for _ in range(DRAWS)]
    return DevTestCorrelation(metric, tuple(pairs), spearman, float(np.quantile(drawn, 0.95)))


def ranks(values: Floats) -> Floats:
    """Return (value,) ranks from 1; equal values share their mean rank."""
    below = (values[None, :] < values[:, None]).sum(1)
    equal = (values[None, :] == values[:, None]).sum(1)
    mean_ranks: Floats = below + (equal + 1) / 2
    return mean_ranks


def correlation(ours: Floats, theirs: Floats) -> float | None:
    """Return Pearson's correlation in [-1, 1]; None where one of them does not vary."""
    a, b = ours - ours.mean(), theirs - theirs.mean()
    length = float(np.sqrt((a @ a) * (b @ b)))
    return float(np.clip(a @ b / length, -1, 1)) if length else None
