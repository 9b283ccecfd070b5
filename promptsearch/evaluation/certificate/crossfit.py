"""Cross-fitting: the winner is chosen on some rows and scored on the others.

No row scores a winner that it helped to choose, so the mean over all rows is free of the optimism
of choosing: it is what the rule "take the best of these" scores with (folds - 1) / folds of the
rows.
"""

from dataclasses import dataclass

import numpy as np

from promptsearch.evaluation.certificate.score_matrix import ChooseWinner
from promptsearch.evaluation.certificate.splits import few_shots
from promptsearch.metrics.folds import stratified_folds
from promptsearch.metrics.predictions import Ints

FOLDS, REPEATS = 5, 20


@dataclass(frozen=True)
class CrossFit:
    """Winners of the folds, and for each row a winner that it did not choose."""

    chosen: Ints  # (repeat, row)
    winners: Ints  # (repeat, fold)


def folds_of(strata: Ints, folds: int, repeats: int, seed: int) -> Ints:
    """Return (repeat, row): the fold of each row, dealt anew for each repeat."""
    rng = np.random.default_rng(seed)
    return np.stack([stratified_folds(strata, folds, rng) for _ in range(repeats)])


def cross_fit(
    choose: ChooseWinner, strata: Ints, *, folds: int = FOLDS, repeats: int = REPEATS, seed: int = 0
) -> CrossFit:
    """Return the winners of all folds but one, for each fold of each repeat."""
    fold = folds_of(strata, folds, repeats, seed)
    winners = np.array(
        [
            [choose(np.flatnonzero(fold_of_row != out)) for out in range(folds)]
            for fold_of_row in fold
        ]
    )
    return CrossFit(np.take_along_axis(winners, fold, axis=1), winners)


@dataclass(frozen=True)
class FewShotDraw:
    """Winner that a few rows of each label chose, and the other rows, which score it."""

    winner: int
    rest: Ints


def few_shot_draws(
    choose: ChooseWinner, strata: Ints, *, shots: int, draws: int, seed: int = 0
) -> list[FewShotDraw]:
    """Draw `shots` rows of each label and choose on them, `draws` times."""
    rng = np.random.default_rng(seed)
    collected = []
    for _ in range(draws):
        drawn = few_shots(strata, shots, rng)
        collected.append(FewShotDraw(choose(drawn), np.setdiff1d(np.arange(len(strata)), drawn)))
    return collected
