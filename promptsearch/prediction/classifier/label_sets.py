"""Sets of labels as a classifier takes and gives them: a matrix of 0 and 1, or lists of labels."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptsearch.data import did_you_mean
from promptsearch.errors import DataError
from promptsearch.scoring.combination import Floats

Matrix = NDArray[np.int64]  # (example, label) of 0 and 1


def label_sets(y: Any, labels: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the labels of each row, in their order; a matrix has a column a label, sorted.

    Raises DataError at a label that is none of these, or a matrix of another width.
    """
    if isinstance(y, np.ndarray) and y.ndim == 2:
        sets = _of_matrix(y, sorted(labels))
    else:
        sets = [tuple(_known(row, labels)) for row in y]
    return [tuple(label for label in labels if label in each) for each in sets]


def _of_matrix(y: NDArray[Any], labels: Sequence[str]) -> list[tuple[str, ...]]:
    if y.shape[1] != len(labels) or not np.isin(y, (0, 1)).all():
        raise DataError(
            f"y has {y.shape[1]} columns for {len(labels)} labels; give a matrix of 0 and 1 with a "
            f"column for each of {', '.join(labels)}, or lists of labels"
        )
    columns = np.array(labels, object)
    return [tuple(columns[row.astype(bool)].tolist()) for row in y]


def _known(row: Iterable[object], labels: Sequence[str]) -> Iterable[str]:
    if isinstance(row, str):
        raise DataError(f"y: {row!r} is one label; give a list of labels a row")
    for label in map(str, row):
        if label not in labels:
            raise DataError(
                f"y: the label {label!r} is none of the prompts'{did_you_mean(label, labels)}; "
                f"they answer {', '.join(labels)}"
            )
        yield label


def as_matrix(sets: Sequence[tuple[str, ...]], labels: Sequence[str]) -> Matrix:
    """Return the matrix of sets of labels, its columns sorted."""
    matrix: Matrix = np.array(
        [[label in each for label in sorted(labels)] for each in sets], dtype=np.int64
    )
    return matrix.reshape(len(sets), len(labels))


def decided_sets(log_probs: Floats, log_threshold: float) -> NDArray[Any]:
    """Return (example, label) of 0 and 1; NaN in rows that are NaN."""
    decided = (log_probs > log_threshold).astype(np.int64)
    skipped = np.isnan(log_probs).any(1, keepdims=True)
    return np.where(skipped, np.nan, decided) if skipped.any() else decided
