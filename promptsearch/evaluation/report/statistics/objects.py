"""Facts by their objects: which are found, and which are said for everything."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from promptsearch.metrics.predictions import Predictions


@dataclass(frozen=True)
class ObjectResult:
    """One object; a fact with several right objects counts for each of them."""

    object: str
    n: int  # facts that have it
    hits: int  # of them, answered right (by any right object)
    predicted: int  # facts that it was said for
    candidate: bool  # False: it could not be said

    @property
    def p_at_1(self) -> float | None:
        return self.hits / self.n if self.n else None


def per_object(judged: Predictions) -> tuple[ObjectResult, ...]:
    """All objects that are right or said anywhere: the most frequent first, equals by first use."""
    counts: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for targets, hit in zip(judged.targets, judged.hits.tolist(), strict=True):
        counts.update(targets)
        hits.update(targets if hit else ())
    predicted_counts = Counter(judged.labels[label] for label in judged.predicted.tolist())
    known = set(judged.labels)
    names = dict.fromkeys([*counts, *predicted_counts])
    results = [ObjectResult(o, counts[o], hits[o], predicted_counts[o], o in known) for o in names]
    return tuple(sorted(results, key=lambda own: -own.n))


def most_predicted(judged: Predictions, most: int) -> tuple[tuple[str, int, int], ...]:
    """(object, times said, times wrongly) of those said most often."""
    predicted_counts = Counter(judged.labels[label] for label in judged.predicted.tolist())
    wrong = Counter(
        judged.labels[label] for label in judged.predicted[np.flatnonzero(~judged.hits)].tolist()
    )
    return tuple((name, times, wrong[name]) for name, times in predicted_counts.most_common(most))


def uncovered(judged: Predictions) -> int:
    """Facts none of whose right objects is a candidate."""
    return int((judged.rank == 0).sum())
