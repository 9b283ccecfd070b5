"""Confidence intervals: Wilson's of a share, the paired bootstrap of a difference."""

from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000  # of the bootstrap: the interval's ends are then good to about a tenth of its width


def wilson(successes: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's 95% interval of a share of `n` trials, inside [0, 1]."""
    share = successes / n
    centre, spread = (
        share + z * z / (2 * n),
        z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)),
    )
    scale = 1 + z * z / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def bootstrap(
    statistic: Callable[[NDArray[np.int64]], float], n: int, seed: int = 0
) -> tuple[tuple[float, float], float]:
    """The 95% percentile interval of `statistic(rows)` under redrawing of the `n` rows, and the
    two-sided p-value of its being 0 (never below one draw in all)."""
    rng = np.random.default_rng(seed)
    draws = np.array([statistic(rng.integers(n, size=n)) for _ in range(DRAWS)])
    low, high = np.percentile(draws, [2.5, 97.5])
    tail = min((draws <= 0).mean(), (draws >= 0).mean())
    return (float(low), float(high)), float(min(1.0, max(2 * tail, 1 / DRAWS)))
