"""Cross-fitting: choose the winner on some folds, judge it on the fold left out.

No row judges a winner that it helped to choose, so the mean over all rows is free of the optimism
of choosing: it is the gain that the rule "take the best of these" gets with (folds - 1) / folds of
the rows.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from promptsearch.certificate.splits import few_shots, stratified_folds
from promptsearch.metrics import Floats, Ints

FOLDS, REPEATS = 5, 20
Choice = Callable[[Ints], int]  # rows -> the candidate that is best on them


@dataclass(frozen=True)
class CrossFit:
    """What the winners gained on the rows that did not choose them."""

    differences: Floats  # (repeat, row): the winner's value minus the manual prompt's
    winners: Ints  # (repeat, fold)


def best_by(*merits: Floats) -> Choice:
    """The choice by the mean of the first merit (candidate, row); ties by the next, then the first.

    The order of candidates must not come from their scores on these rows.
    """

    def choose(rows: Ints) -> int:
        able = np.arange(len(merits[0]))
        for merit in merits:
            sums = merit[np.ix_(able, rows)].sum(axis=1)
            able = able[sums >= sums.max() - 1e-9]
        return int(able[0])

    return choose


def cross_fit(
    values: Floats,
    manual: Floats,
    choose: Choice,
    strata: Ints,
    *,
    folds: int = FOLDS,
    repeats: int = REPEATS,
    seed: int = 0,
) -> CrossFit:
    """Values (candidate, row) and manual (row,) of one metric; folds anew for each repeat."""
    rng = np.random.default_rng(seed)
    differences = np.empty((repeats, len(strata)))
    winners = np.empty((repeats, folds), dtype=np.int64)
    for repeat in range(repeats):
        fold = stratified_folds(strata, folds, rng)
        for out in range(folds):
            left = fold == out
            winner = choose(np.flatnonzero(~left))
            winners[repeat, out] = winner
            differences[repeat, left] = values[winner, left] - manual[left]
    return CrossFit(differences, winners)


@dataclass(frozen=True)
class ShotDraws:
    """Winners chosen from a few rows of each label, judged on all the others."""

    gains: Floats  # (draw,)
    winners: Ints  # (draw,)


def few_shot_draws(
    values: Floats,
    manual: Floats,
    choose: Choice,
    strata: Ints,
    *,
    shots: int,
    draws: int,
    seed: int = 0,
) -> ShotDraws:
    """Draw `shots` rows of each label, choose on them, judge on the rest; again and again."""
    rng = np.random.default_rng(seed)
    gains, winners = np.empty(draws), np.empty(draws, dtype=np.int64)
    for draw in range(draws):
        drawn = few_shots(strata, shots, rng)
        winner = winners[draw] = choose(drawn)
        rest = np.setdiff1d(np.arange(len(strata)), drawn)
        gains[draw] = (values[winner, rest] - manual[rest]).mean()
    return ShotDraws(gains, winners)
