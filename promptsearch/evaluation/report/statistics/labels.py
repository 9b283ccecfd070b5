"""Results label by label: precision, recall, F1, and which label is taken for which."""

from dataclasses import dataclass

import numpy as np

from promptsearch.metrics.predictions import Ints, Predictions


@dataclass(frozen=True)
class LabelResult:
    """One label; shares in [0, 1], None where nothing is divided."""

    label: str
    n: int  # examples that have it
    predicted: int
    right: int

    @property
    def precision(self) -> float | None:
        return self.right / self.predicted if self.predicted else None

    @property
    def recall(self) -> float | None:
        return self.right / self.n if self.n else None

    @property
    def f1(self) -> float | None:
        """None where the label is neither gold nor predicted: macro F1 leaves it out too."""
        together = self.n + self.predicted
        return 2 * self.right / together if together else None


def confusion(judged: Predictions) -> Ints:
    """(gold, predicted): how many examples."""
    count = len(judged.labels)
    cells = np.bincount(judged.gold * count + judged.predicted, minlength=count * count)
    table: Ints = cells.reshape(count, count)
    return table


def per_label(judged: Predictions) -> tuple[LabelResult, ...]:
    """One result a label, in their order."""
    table = confusion(judged)
    rows = zip(judged.labels, table.sum(1), table.sum(0), table.diagonal(), strict=True)
    return tuple(LabelResult(label, int(n), int(p), int(right)) for label, n, p, right in rows)


@dataclass(frozen=True)
class Confused:
    """Examples of one label (or with these right objects) that were taken for another."""

    right: tuple[str, ...]
    predicted: str
    times: int


def most_confused(judged: Predictions, most: int) -> tuple[Confused, ...]:
    """Return the most frequent mistakes; equals in the order of the examples."""
    counts: dict[tuple[tuple[str, ...], str], int] = {}
    for index in np.flatnonzero(~judged.hits).tolist():
        pair = judged.targets[index], judged.labels[judged.predicted[index]]
        counts[pair] = counts.get(pair, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: -item[1])[:most]
    return tuple(Confused(right, predicted, times) for (right, predicted), times in ranked)
