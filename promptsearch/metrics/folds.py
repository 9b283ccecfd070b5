"""Folds: parts of the rows, each with its share of every label."""

import numpy as np

from promptsearch.metrics.predictions import Ints


def stratified_folds(strata: Ints, folds: int, rng: np.random.Generator) -> Ints:
    """Return the fold of each row, from 0.

    Folds differ by a row at most, and so do a label's shares. `strata` groups the rows (their
    labels as numbers; all equal: plain folds).
    """
    shuffled = rng.permutation(len(strata))
    dealt = shuffled[np.argsort(strata[shuffled], kind="stable")]  # label by label
    fold = np.empty(len(strata), dtype=np.int64)
    fold[dealt] = (np.arange(len(strata)) + rng.integers(folds)) % folds
    return fold
