"""The columns that predictions add to a row."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from promptsearch.errors import RunError
from promptsearch.scoring.combination import Floats

FIGURES = 6  # of a probability: the scores behind it are float32
Value = str | float | list[str]


@dataclass(frozen=True)
class Columns:
    """Columns of labels: the first choice, its probability, and that of each label.

    For facts: the `best` first choices, each with its probability. Raises RunError if there are
    fewer.
    """

    labels: tuple[str, ...]  # or candidates
    best: int | None = None  # None: these are no facts
    prefix: str = ""  # of every name, where the rows have columns of these names already
    tags: bool = False  # one column, a tag for each word
    sets: bool = False  # several labels at once: a column of them all, and p of each

    def __post_init__(self) -> None:
        if self.best is not None and self.best > len(self.labels):
            count = len(self.labels)
            raise RunError(
                f"`top_answers` {self.best}: there are {count:,} candidates; give {count} or less"
            )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names: `label, probability, p(negative), ...`, or `answer, probability, answer_2, ...`.

        >>> Columns(("Paris", "Oslo"), best=2).names
        ('answer', 'probability', 'answer_2', 'probability_2')
        """
        if self.tags:
            names = ["predicted_tags"]
        elif self.sets:
            names = ["labels", *(f"p({label})" for label in self.labels)]
        elif self.best is None:
            names = ["label", "probability", *(f"p({label})" for label in self.labels)]
        else:
            ranks = ["", *(f"_{rank}" for rank in range(2, self.best + 1))]
            names = [f"{name}{rank}" for rank in ranks for name in ("answer", "probability")]
        return tuple(f"{self.prefix}{name}" for name in names)

    @property
    def texts(self) -> tuple[bool, ...]:
        """Types of the columns: True for texts, False for numbers."""
        if self.tags:
            return (True,)
        if self.best is not None:
            return (True, False) * self.best
        return (True, *(False for _ in self.names[1:]))

    def values(self, log_probs: Floats) -> Iterator[list[Value]]:
        """Yield the columns' values of each row of (example, label); ties go to the first label."""
        for row in np.exp(log_probs):
            if self.best is None:
                first = int(row.argmax())
                each = [rounded(share) for share in row.tolist()]
                yield [self.labels[first], each[first], *each]
            else:
                yield [part for label in self._first(row) for part in self._choice(row, label)]

    def _first(self, row: Floats) -> list[int]:
        """Return the indices of the best labels, best first."""
        if self.best == 1:
            return [int(row.argmax())]
        return list(map(int, np.argsort(-row, kind="stable")[: self.best]))

    def _choice(self, row: Floats, label: int) -> tuple[str, float]:
        return self.labels[label], rounded(float(row[label]))


def rounded(share: float) -> float:
    """Return a probability as files have it."""
    return float(f"{share:.{FIGURES}g}")
