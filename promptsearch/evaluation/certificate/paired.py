"""Confidence intervals of a paired difference where rows are few.

Wald's interval and the percentile bootstrap are empty where no row differs, and too short where few
do. For hits we take Tango's score interval (1998, Statistics in Medicine 17, 891-908), which tests
each possible difference against the rows; for other values Student's t.
"""

from dataclasses import dataclass

from promptsearch.metrics.intervals import Z, paired
from promptsearch.metrics.predictions import Floats

POWER_Z = 0.841621  # of 80% power


@dataclass(frozen=True)
class Interval:
    """Mean difference and its 95% interval; `variance` is of one row's difference."""

    mean: float
    low: float
    high: float
    variance: float


def paired_interval(differences: Floats, inflated: float = 1.0) -> Interval:
    """Return the interval of the mean of `differences` (repeat, row).

    Repeats are the same rows again, so they steady the mean but lend it no certainty: the width is
    that of one repeat, averaged over them. `inflated` is the factor by which the variance is
    multiplied, as if there were so many times fewer rows.
    """
    variance = float(differences.var(axis=1, ddof=1).mean())
    low, high = paired(differences, inflated)
    return Interval(float(differences.mean()), low, high, variance * inflated)


def rows_needed(interval: Interval) -> float:
    """Return the rows that show a gain as large as this one at 95% with 80% power."""
    return (Z + POWER_Z) ** 2 * interval.variance / interval.mean**2
