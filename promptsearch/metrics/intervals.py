"""Confidence intervals: Wilson's of a share, Student's of a mean, Tango's and the bootstrap's of
paired differences.
"""

from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from promptsearch.metrics.predictions import Floats

Z = 1.959964  # of 95%
STEPS = 60  # halvings of Tango's interval: beyond float's precision
DRAWS = 2000  # of the bootstrap: the interval's ends are then good to about a tenth of its width


def wilson(successes: float, n: float, z: float = Z) -> tuple[float, float]:
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


def student(values: Floats, inflated: float = 1.0) -> tuple[float, float]:
    """Return Student's 95% interval of the mean of values (row,) or (repeat, row).

    Repeats are the same rows again: the width is that of one repeat, averaged over them. `inflated`
    is the factor by which the variance is multiplied, as if there were so many times fewer rows.
    Fewer than four rows have no interval: it is all numbers.
    """
    rows = values.shape[-1]
    if rows < 4:
        return -np.inf, np.inf
    half = student_quantile(rows - 1) * standard_error(values, inflated)
    return float(values.mean()) - half, float(values.mean()) + half


def standard_error(values: Floats, inflated: float = 1.0) -> float:
    """Return the standard error of the mean; axes and `inflated` are those of `student`."""
    rows = values.shape[-1] / inflated
    return sqrt(float(values.var(axis=-1, ddof=1).mean()) / rows)


def paired(differences: Floats, inflated: float = 1.0) -> tuple[float, float]:
    """Return the 95% interval of a mean paired difference: Tango's for hits, else Student's.

    Axes and `inflated` are those of `student`.
    """
    if not np.isin(differences, (-1.0, 0.0, 1.0)).all():
        return student(differences, inflated)
    rows = differences.shape[-1] / inflated
    won, lost = (float((differences == sign).mean()) * rows for sign in (1, -1))
    return tango(won, lost, rows)


def inflation(folds: int) -> float:
    """Return the factor by which a cross-fitted mean varies more than one of independent rows.

    Each row helps to choose the winners that score the others, which ties them together where
    candidates are about equal (Bayle et al. 2020: stability fails there). No formula covers that:
    the line is a rule of thumb, set from simulations of equal candidates, with its coverage in
    benchmarks/certificate_simulation.py. Nadeau and Bengio's (2003) factor is 2.25 for 5 folds.
    """
    return 1 + (folds - 2) / 6


def student_quantile(freedom: int, z: float = Z) -> float:
    """Return Student's t at the normal quantile `z` (Cornish and Fisher; freedom >= 3)."""
    g1 = (z**3 + z) / 4
    g2 = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    g3 = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    g4 = (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160
    return z + g1 / freedom + g2 / freedom**2 + g3 / freedom**3 + g4 / freedom**4


def tango(won: float, lost: float, n: float, z: float = Z) -> tuple[float, float]:
    """Return the score interval of a difference of paired shares, of `n` rows.

    `won` rows are right under ours alone and `lost` under theirs alone (averages need not be
    whole).
    """
    return -_upper(lost, won, n, z), _upper(won, lost, n, z)


def _upper(won: float, lost: float, n: float, z: float) -> float:
    """Return the largest difference that the rows do not reject, by bisection."""
    low, high = (won - lost) / n, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        if _score(won, lost, n, middle) > -z:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _score(won: float, lost: float, n: float, delta: float) -> float:
    """Return Tango's statistic: the rows' distance from `delta`, in standard errors.

    `rate` is the share of rows lost that is most likely where the difference is `delta`.
    """
    b = -won - lost + (2 * n - won + lost) * delta
    c = -lost * delta * (1 - delta)
    rate = (sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
    variance = n * (2 * rate + delta * (1 - delta))
    away = won - lost - n * delta
    return away / sqrt(variance) if variance > 0 else (0.0 if away == 0 else np.sign(away) * np.inf)
