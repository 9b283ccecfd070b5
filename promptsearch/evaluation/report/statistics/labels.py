"""Results label by label: precision, recall, F1, and confusions."""

from dataclasses import dataclass

import numpy as np

from promptsearch.metrics.entity_f1 import entity_scores_by_type
from promptsearch.metrics.multi_label_predictions import MultiLabelPredictions
from promptsearch.metrics.predictions import Ints, Predictions, TagPredictions


@dataclass(frozen=True)
class LabelResult:
    """Result of a label; shares in [0, 1], None where the denominator is 0."""

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
        """F1; None if the label is neither gold nor predicted: macro F1 leaves it out too."""
        together = self.n + self.predicted
        return 2 * self.right / together if together else None


def confusion(predictions: Predictions) -> Ints:
    """Return (gold, predicted) counts of examples."""
    count = len(predictions.labels)
    cells = np.bincount(predictions.gold * count + predictions.predicted, minlength=count * count)
    table: Ints = cells.reshape(count, count)
    return table


def per_label(predictions: Predictions) -> tuple[LabelResult, ...]:
    """Return the result of each label, in their order."""
    if isinstance(predictions, MultiLabelPredictions):
        right, predicted, gold = np.split(predictions.counts.sum(0), 3)
        columns = zip(predictions.labels, gold, predicted, right, strict=True)
        return tuple(LabelResult(label, int(n), int(p), int(r)) for label, n, p, r in columns)
    if isinstance(predictions, TagPredictions):
        return _per_type(predictions)
    table = confusion(predictions)
    rows = zip(predictions.labels, table.sum(1), table.sum(0), table.diagonal(), strict=True)
    return tuple(LabelResult(label, int(n), int(p), int(right)) for label, n, p, right in rows)


def _per_type(predictions: TagPredictions) -> tuple[LabelResult, ...]:
    """Return the result of each type of spans, which sentences have any number of."""
    by_type = entity_scores_by_type(predictions.gold_tags, predictions.tags)
    scored = ((name, by_type[name]) for name in predictions.labels if name in by_type)
    return tuple(LabelResult(name, each.gold, each.predicted, each.right) for name, each in scored)


@dataclass(frozen=True)
class Confused:
    """Examples of one label (or with these right objects) with the same wrong prediction."""

    right: tuple[str, ...]
    predicted: str
    times: int


def most_confused(predictions: Predictions, most: int) -> tuple[Confused, ...]:
    """Return the most frequent confusions; ties in the order of the examples."""
    counts: dict[tuple[tuple[str, ...], str], int] = {}
    for index in np.flatnonzero(~predictions.hits).tolist():
        pair = predictions.targets[index], predictions.labels[predictions.predicted[index]]
        counts[pair] = counts.get(pair, 0) + 1
    ranked = sorted(counts.items(), key=lambda item: -item[1])[:most]
    return tuple(Confused(right, predicted, times) for (right, predicted), times in ranked)
