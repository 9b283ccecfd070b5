"""Results of facts by their objects."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from promptsearch.metrics.predictions import Predictions


@dataclass(frozen=True)
class ObjectResult:
    """Result of an object; a fact with several right objects counts for each of them."""

    object: str
    n: int  # facts that have it
    hits: int  # of them, answered right (by any right object)
    predicted: int  # facts that it was predicted for
    candidate: bool  # False: it could not be predicted

    @property
    def p_at_1(self) -> float | None:
        return self.hits / self.n if self.n else None


def per_object(predictions: Predictions) -> tuple[ObjectResult, ...]:
    """Return all right or predicted objects: the most frequent first, ties by first use."""
    counts: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for targets, hit in zip(predictions.targets, predictions.hits.tolist(), strict=True):
        counts.update(targets)
        hits.update(targets if hit else ())
    predicted_counts = Counter(
        predictions.labels[label] for label in predictions.predicted.tolist()
    )
    known = set(predictions.labels)
    names = dict.fromkeys([*counts, *predicted_counts])
    results = [ObjectResult(o, counts[o], hits[o], predicted_counts[o], o in known) for o in names]
    return tuple(sorted(results, key=lambda result: -result.n))


def most_predicted(predictions: Predictions, most: int) -> tuple[tuple[str, int, int], ...]:
    """Return (object, predictions, wrong ones) of those predicted most often."""
    predicted_counts = Counter(
        predictions.labels[label] for label in predictions.predicted.tolist()
    )
    wrong = Counter(
        predictions.labels[label]
        for label in predictions.predicted[np.flatnonzero(~predictions.hits)].tolist()
    )
    return tuple((name, times, wrong[name]) for name, times in predicted_counts.most_common(most))


def uncovered(predictions: Predictions) -> int:
    """Return the number of facts none of whose right objects is a candidate."""
    return int((predictions.rank == 0).sum())
