"""Paired differences over seeds, with 95% intervals of Student's t."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

Floats = NDArray[np.float64]


def difference(gains: Floats) -> str:
    """(seed,) gains: their mean, and Student's interval where there are two or more."""
    if len(gains) < 2:
        return f"{gains.mean():+.3f}"
    half = t.ppf(0.975, len(gains) - 1) * gains.std(ddof=1) / len(gains) ** 0.5
    return f"{gains.mean():+.3f} [{gains.mean() - half:+.3f}, {gains.mean() + half:+.3f}]"


def over_tasks(gains: Sequence[Floats]) -> str:
    """(seed,) gains of each task: the mean of their means, with an interval over seeds.

    Welch's: tasks are fixed, and their seeds apart.
    """
    if min(map(len, gains)) < 2:
        return f"{np.mean([own.mean() for own in gains]):+.3f}"
    parts = np.array([own.var(ddof=1) / len(own) for own in gains]) / len(gains) ** 2
    freedom = parts.sum() ** 2 / sum(p**2 / (len(g) - 1) for p, g in zip(parts, gains, strict=True))
    half = t.ppf(0.975, freedom) * parts.sum() ** 0.5
    mean = np.mean([own.mean() for own in gains])
    return f"{mean:+.3f} [{mean - half:+.3f}, {mean + half:+.3f}]"
