"""Sets of labels: predicted beside right ones, counted by example, and what the counts come to.

Counts are (example, 3 x label): rightly predicted, predicted, gold, each a block of labels. A ratio
of nothing is 0, as in scikit-learn with `zero_division=0`; macro F1 is over all labels of the task.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from promptsearch.metrics.f1 import ratio_shares
from promptsearch.metrics.predictions import Floats, Ints

Bools = NDArray[np.bool_]
Threshold = float | Literal["dev"]  # of log-odds; "dev": learned there, one a prompt


def indicator(sets: Sequence[Sequence[str]], labels: Sequence[str]) -> Bools:
    """Return (example, label), true where the label is in the example's set."""
    column = {label: number for number, label in enumerate(labels)}
    table = np.zeros((len(sets), len(labels)), dtype=bool)
    for row, each in enumerate(sets):
        table[row, [column[label] for label in each]] = True
    return table


def set_counts(gold: Bools, predicted: Bools) -> Ints:
    """Return the counts of sets, both (example, label)."""
    counts: Ints = np.hstack([gold & predicted, predicted, gold]).astype(np.int64)
    return counts


def set_micro_f1(counts: Ints) -> float:
    """Return F1 in [0, 1] over the decisions on all labels together."""
    totals = counts.sum(0)
    labels = len(totals) // 3
    relevant = totals[labels:].sum()
    return float(2 * totals[:labels].sum() / relevant) if relevant else 0.0


def set_macro_f1(counts: Ints) -> float:
    """Return the mean F1 of the labels, in [0, 1]; one that is never gold nor predicted has 0."""
    right, predicted, gold = counts.sum(0).reshape(3, -1)
    return float((2 * right / np.maximum(predicted + gold, 1)).mean())


def set_micro_shares(counts: Ints) -> Floats:
    """Return (example,) values whose mean and spread are those of micro F1, to first order."""
    right, relevant = _right_and_relevant(counts)
    return ratio_shares(right.sum(1), relevant.sum(1))


def set_macro_shares(counts: Ints) -> Floats:
    """Return (example,) values whose mean and spread are those of macro F1, to first order."""
    pairs = zip(*(part.T for part in _right_and_relevant(counts)), strict=True)
    shares: Floats = np.mean([ratio_shares(*pair) for pair in pairs], axis=0)
    return shares


def _right_and_relevant(counts: Ints) -> tuple[Floats, Floats]:
    """Return (example, label): rightly predicted, and times gold plus times predicted."""
    right, predicted, gold = np.split(counts.astype(np.float64), 3, axis=1)
    return right, predicted + gold


def best_threshold(log_odds: Floats, gold: Bools) -> float:
    """Return the threshold with the best micro F1; of equals, the one nearest to 0.

    Labels are decided whose log-odds are above it. It lies halfway between two of them, or is 0.
    """
    order = np.argsort(-log_odds, axis=None, kind="stable")
    values, right = log_odds.ravel()[order], gold.ravel()[order]
    decided, total = np.arange(len(values) + 1), int(right.sum())
    f1 = 2 * np.concatenate([[0], np.cumsum(right)]) / np.maximum(decided + total, 1)
    above = np.append(max(values[0], 0.0) + 2, values)
    below = np.append(values, min(values[-1], 0.0) - 2)
    middle = np.where((below <= 0) & (above > 0), 0.0, (above + below) / 2)
    tied = np.flatnonzero((above > below) & (f1 >= f1[above > below].max() - 1e-12))
    return float(middle[tied[np.abs(middle[tied]).argmin()]])
