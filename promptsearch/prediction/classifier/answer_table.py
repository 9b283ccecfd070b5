"""What is said of rows, some of which have choices of their own, as tables of labels."""

from collections.abc import Sequence

import numpy as np

from promptsearch.data import Example
from promptsearch.scoring.combination import Floats

Rows = Sequence[Example | None]  # None for a row that is skipped


def answer_table(rows: Rows, parts: Sequence[Floats], labels: int) -> Floats:
    """Return (row, label) or (row, choice) log p from that of the rows that are asked, in parts.

    Rows with fewer choices have -inf beyond them; NaN for skipped rows.
    """
    width = max((len(row.choices) for row in rows if row is not None), default=0) or labels
    log_probs = np.full((len(rows), width), np.nan)
    answered = iter(value for part in parts for value in part)
    for number, row in enumerate(rows):
        if row is not None:
            value = next(answered)
            log_probs[number] = -np.inf
            log_probs[number, : len(value)] = value
    return log_probs


def likeliest(rows: Rows, log_probs: Floats, labels: Sequence[str]) -> list[str]:
    """Return the likeliest label, or choice, of each row; any of skipped rows."""
    return [
        row.choices[first] if row is not None and row.choices else labels[first]
        for row, first in zip(rows, log_probs.argmax(1).tolist(), strict=True)
    ]


def by_label(rows: Rows, log_probs: Floats, labels: Sequence[str]) -> Floats:
    """Return (row, label) log p, -inf for labels that are none of a row's choices."""
    if not any(row is not None and row.choices for row in rows):
        return log_probs
    index = {label: number for number, label in enumerate(labels)}
    values = np.full((len(rows), len(labels)), np.nan)
    for number, row in enumerate(rows):
        if row is not None:
            values[number] = -np.inf
            columns = [index[choice] for choice in row.choices]
            values[number, columns] = log_probs[number, : len(columns)]
    return values
