"""Scores of predictions, and the paired difference of two prompts."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from promptsearch.metrics.f1 import labels_macro_f1, labels_micro_f1
from promptsearch.metrics.intervals import bootstrap, wilson
from promptsearch.metrics.metric import METRIC, OBJECTIVES, macro_p_at_1, metrics_of, per_example
from promptsearch.metrics.predictions import Ints, Predictions, Scores


def objective_in(search: Mapping[str, object]) -> str:
    """Return the objective of a prompts.json's `search` as a key of `Scores`.

    Log-likelihood if it has none.
    """
    return OBJECTIVES.get(str(search.get("objective")), "log_likelihood")


def scores_of(predictions: Predictions, kind: str, negative_label: str | None = None) -> Scores:
    """Return the metrics of the kind of task, the number of examples and an interval.

    Of classification: log_likelihood in (-inf, 0]; accuracy, macro_f1, micro_f1 and ece in [0, 1],
    ece being lower the better, and only where all labels' log-probabilities are kept; `ci95` is
    of accuracy. Of facts: p@1, p@1_macro, mrr and coverage in [0, 1]; `ci95` is of p@1. A fact
    without a right object among the candidates counts as wrong, and is left out of log_likelihood
    (None where nothing is covered); `coverage` is the share of the others.
    """
    values = {
        metric.key: metric.of(predictions, negative_label)
        for metric in metrics_of(kind)
        if predictions.log_probs is not None or not metric.needs_log_probs
    }
    count = len(predictions.targets)
    return {**values, "n": count, "ci95": wilson(int(predictions.hits.sum()), count)}


def majority_scores(
    label: str,
    targets: Sequence[tuple[str, ...]],
    kind: str,
    labels: Sequence[str] = (),
    *,
    negative_label: str | None = None,
) -> Scores:
    """Return the scores of always answering `label`; without probabilities, no log-likelihood."""
    hits = np.array([label in right for right in targets])
    share = float(hits.mean())
    interval = {"n": len(targets), "ci95": wilson(int(hits.sum()), len(targets))}
    if kind == "facts":
        return {"p@1": share, "p@1_macro": macro_p_at_1(hits, targets), **interval}
    gold = np.array([labels.index(right[0]) for right in targets])
    always = np.full_like(gold, labels.index(label))
    f1 = {
        "macro_f1": labels_macro_f1(gold, always, labels, negative_label),
        "micro_f1": labels_micro_f1(gold, always, labels, negative_label),
    }
    return {"accuracy": share, **f1, **interval}


def paired_difference(
    ours: Predictions, theirs: Predictions, metric: str, negative_label: str | None = None
) -> dict[str, object]:
    """Return the paired bootstrap of `metric` (a key of `Scores`) between two prompts on one split.

    `ci95` is the percentile interval of the difference, `p` two-sided; `n_discordant` examples are
    right under one prompt and wrong under the other.
    """
    statistic = _difference(ours, theirs, metric, negative_label)
    everything = np.arange(len(ours.targets))
    ci95, p = bootstrap(statistic, len(ours.targets))
    discordant = int((ours.hits != theirs.hits).sum())
    delta = statistic(everything)
    return {"metric": metric, "delta": delta, "ci95": ci95, "p": p, "n_discordant": discordant}


def _difference(
    ours: Predictions, theirs: Predictions, metric: str, negative_label: str | None
) -> Callable[[Ints], float]:
    """Return the difference of `metric` as a function of the rows it is taken over."""
    of_labels = METRIC[metric].of_labels if metric in METRIC else None
    if of_labels is not None:
        gold, labels, ratio = ours.gold, ours.labels, of_labels

        def value(predicted: Ints, rows: Ints) -> float:
            return ratio(gold[rows], predicted[rows], labels, negative_label)

        return lambda rows: value(ours.predicted, rows) - value(theirs.predicted, rows)
    each = per_example(ours, metric) - per_example(theirs, metric)
    return lambda rows: float(each[rows].mean())
