"""F1, over labels of unequal frequency: of each alike (macro), of all decisions alike (micro)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def labels_macro_f1(
    gold: Ints, predicted: Ints, labels: Sequence[str], negative_label: str | None
) -> float:
    """Return macro F1 in [0, 1]; `gold` and `predicted` (example,) are indices of labels.

    The negative label is one of the labels here.
    """
    return macro_f1(gold, predicted, len(labels))


def labels_micro_f1(
    gold: Ints, predicted: Ints, labels: Sequence[str], negative_label: str | None
) -> float:
    """Return micro F1 in [0, 1] over all labels but the negative one."""
    negative = labels.index(negative_label) if negative_label in labels else None
    return micro_f1(gold, predicted, len(labels), negative)


def macro_f1(gold: Ints, predicted: Ints, labels: int) -> float:
    """Mean F1 over the labels that are gold or predicted anywhere; codes are below `labels`."""
    true, relevant = _counts(gold, predicted, labels)
    present = relevant > 0
    return float((2 * true[present] / relevant[present]).mean())


def micro_f1(gold: Ints, predicted: Ints, labels: int, negative: int | None = None) -> float:
    """F1 over all labels but the negative one together; without one it is the accuracy."""
    true, relevant = _counts(gold, predicted, labels)
    counted = np.arange(labels) != (-1 if negative is None else negative)
    total = relevant[counted].sum()
    return float(2 * true[counted].sum() / total) if total else 0.0


def _counts(gold: Ints, predicted: Ints, labels: int) -> tuple[Floats, Floats]:
    """Per label: times rightly predicted; times gold plus times predicted."""
    true = np.bincount(gold[gold == predicted], minlength=labels)
    relevant = np.bincount(gold, minlength=labels) + np.bincount(predicted, minlength=labels)
    return true.astype(np.float64), relevant.astype(np.float64)


def micro_shares(
    gold: Ints, predicted: Ints, labels: Sequence[str], negative_label: str | None
) -> Floats:
    """Return (example,) values whose mean is micro F1, and whose spread is that of micro F1.

    F1 is a ratio of sums, 2 t / r, so what one example does to it is (2 t_i - F1 r_i) / mean r, to
    first order (the delta method).
    """
    codes = np.arange(len(labels))
    negative = labels.index(negative_label) if negative_label in labels else -1
    true, relevant = _per_example(gold, predicted, codes[codes != negative])
    return ratio_shares(true.sum(axis=1), relevant.sum(axis=1))


def macro_shares(
    gold: Ints, predicted: Ints, labels: Sequence[str], negative_label: str | None = None
) -> Floats:
    """Return (example,) values of macro F1 over the labels that are gold or predicted anywhere."""
    present = np.union1d(gold, predicted)
    true, relevant = _per_example(gold, predicted, present)
    each = [ratio_shares(true[:, label], relevant[:, label]) for label in range(len(present))]
    shares: Floats = np.mean(each, axis=0)
    return shares


def _per_example(gold: Ints, predicted: Ints, codes: Ints) -> tuple[Floats, Floats]:
    """Return (example, label): rightly predicted (0 or 1); times gold plus times predicted."""
    is_gold, is_said = (codes_of[:, None] == codes for codes_of in (gold, predicted))
    return (is_gold & is_said).astype(np.float64), is_gold.astype(np.float64) + is_said


def ratio_shares(true: Floats, relevant: Floats) -> Floats:
    """Return (example,) shares of 2 sum(true) / sum(relevant), to first order."""
    if not relevant.any():
        return np.zeros(len(relevant))
    value = 2 * true.sum() / relevant.sum()
    shares: Floats = value + (2 * true - value * relevant) / relevant.mean()
    return shares
