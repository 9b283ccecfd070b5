"""The columns that predictions add to a row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from promptsearch.errors import RunError
from promptsearch.scoring.combination import Floats

Choices = tuple[str, ...]  # of a row; () where the labels are those of every row
FIGURES = 6  # of a probability: the scores behind it are float32
Value = str | float | list[str] | list[float]


@dataclass(frozen=True)
class Columns:
    """Columns of labels: the first choice, its probability, and that of each label.

    For facts: the `best` first choices, each with its probability. Raises RunError if there are
    fewer. Where rows have choices of their own, which are no labels, all their probabilities follow
    in a column, in the order of the choices; a row with fewer choices than `best` has "" and 0.
    """

    labels: tuple[str, ...]  # or candidates
    best: int | None = None  # None: these are no facts
    prefix: str = ""  # of every name, where the rows have columns of these names already
    tags: bool = False  # one column, a tag for each word
    sets: bool = False  # several labels at once: a column of them all, and p of each
    choices: bool = False  # whether rows have choices of their own
    written: bool = False  # one column, a text
    span: tuple[float, float] | None = None  # one column, a value in this range

    def __post_init__(self) -> None:
        if self.choices:
            return
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
        if self.span is not None:
            names = ["value"]
        elif self.tags or self.written:
            names = ["predicted_tags" if self.tags else "prediction"]
        elif self.sets:
            names = ["labels", *(f"p({label})" for label in self.labels)]
        elif self.best is None:
            names = ["label", "probability", *(f"p({label})" for label in self.labels)]
        else:
            ranks = ["", *(f"_{rank}" for rank in range(2, self.best + 1))]
            names = [f"{name}{rank}" for rank in ranks for name in ("answer", "probability")]
            names += ["probabilities"] * self.choices
        return tuple(f"{self.prefix}{name}" for name in names)

    @property
    def texts(self) -> tuple[bool, ...]:
        """Types of the columns: True for texts, False for numbers."""
        if self.tags or self.written or self.span is not None:
            return (self.span is None,)
        if self.best is not None:
            return (True, False) * self.best + (True,) * self.choices
        return (True, *(False for _ in self.names[1:]))

    def values(self, log_probs: Floats, choices: Sequence[Choices]) -> Iterator[list[Value]]:
        """Yield the columns' values of each row of (example, label); ties go to the first label.

        Of an example with choices it is (example, choice).
        """
        if self.span is not None:
            low, high = self.span
            for share in np.exp(log_probs[:, 1]).tolist():
                yield [rounded(low + (high - low) * share)]
            return
        for row, names in zip(np.exp(log_probs), choices, strict=True):
            labels = names or self.labels
            shares = row[: len(labels)]
            if self.best is not None:
                yield self._answers(labels, shares)
                continue
            first, each = int(shares.argmax()), dict(zip(labels, shares.tolist(), strict=True))
            of_labels = [rounded(each.get(label, 0.0)) for label in self.labels]
            yield [labels[first], rounded(float(shares[first])), *of_labels]

    def _answers(self, labels: Sequence[str], shares: Floats) -> list[Value]:
        """Return the best answers and their probabilities, and those of all choices."""
        assert self.best is not None, "a labelled task has a column a label"
        values: list[Value] = []
        for label in _first(shares, self.best):
            values += [labels[label], rounded(float(shares[label]))]
        for _ in range(self.best - len(labels)):
            values += ["", 0.0]
        return [*values, list(map(rounded, shares.tolist()))] if self.choices else values


def _first(shares: Floats, count: int) -> list[int]:
    """Return the indices of the best labels, best first."""
    if count == 1:
        return [int(shares.argmax())]
    return list(map(int, np.argsort(-shares, kind="stable")[:count]))


def rounded(share: float) -> float:
    """Return a probability as files have it."""
    return float(f"{share:.{FIGURES}g}")
