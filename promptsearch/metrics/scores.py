"""Metrics: pure functions of what a prompt predicted. Higher is better, logs are natural."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from promptsearch.metrics.calibration_error import calibration_error
from promptsearch.metrics.f1 import f1_scores
from promptsearch.metrics.intervals import bootstrap, wilson
from promptsearch.metrics.predictions import Ints, Predictions, Scores, per_example

OBJECTIVES = {  # the command line's names -> the keys of `Scores`
    "log-likelihood": "log_likelihood",
    "accuracy": "accuracy",
    "macro-f1": "macro_f1",
    "micro-f1": "micro_f1",
    "p@1": "p@1",
    "mrr": "mrr",
}
_KIND_OF = {
    "accuracy": "classification",
    "macro_f1": "classification",
    "micro_f1": "classification",
}
_KIND_OF |= {"p@1": "facts", "mrr": "facts"}


def objective_in(search: Mapping[str, object]) -> str:
    """What a prompts.json's `search` was for, as a key of `Scores`; by default log-likelihood."""
    return OBJECTIVES.get(str(search.get("objective")), "log_likelihood")


def suits(metric: str, kind: str) -> bool:
    """Whether the metric (a key of `Scores`) is defined for the kind of task."""
    return _KIND_OF.get(metric, kind) == kind


def classification_scores(judged: Predictions, negative_label: str | None = None) -> Scores:
    """log_likelihood in (-inf, 0]; accuracy, F1s and ece in [0, 1]; ci95 is of accuracy.

    `ece` tells how far probabilities are from shares, lower being better.
    """
    return {
        "log_likelihood": _mean(judged.log_right),
        "accuracy": _mean(judged.hits),
        **f1_scores(judged.gold, judged.predicted, judged.labels, negative_label),
        **_ece(judged),
        "n": len(judged.targets),
        "ci95": wilson(int(judged.hits.sum()), len(judged.targets)),
    }


def _ece(judged: Predictions) -> dict[str, float]:
    """The expected calibration error, where what is said of each label is kept."""
    if judged.log_probs is None:
        return {}
    return {"ece": calibration_error(np.exp(judged.log_probs.max(1)), judged.hits)}


def fact_scores(judged: Predictions) -> Scores:
    """p@1, p@1_macro, mrr and coverage in [0, 1]; ci95 is of p@1.

    A fact without a right object among the candidates counts as wrong, and is left out of
    log_likelihood (None where nothing is covered); `coverage` is the share of the others.
    """
    covered = judged.rank > 0
    return {
        "log_likelihood": _mean(judged.log_right[covered]) if covered.any() else None,
        "p@1": _mean(judged.hits),
        "p@1_macro": macro_p_at_1(judged.hits, judged.targets),
        "mrr": _mean(per_example(judged, "mrr")),
        "coverage": _mean(covered),
        "n": len(judged.targets),
        "ci95": wilson(int(judged.hits.sum()), len(judged.targets)),
    }


def scores_of(judged: Predictions, kind: str, negative_label: str | None = None) -> Scores:
    """The scores that `kind` ("classification" or "facts") asks for."""
    return fact_scores(judged) if kind == "facts" else classification_scores(judged, negative_label)


def _mean(values: NDArray[np.generic]) -> float:
    return float(values.astype(np.float64).mean())


def macro_p_at_1(hits: NDArray[np.bool_], targets: Sequence[tuple[str, ...]]) -> float:
    """LPAQA's macro: the mean over distinct gold objects of P@1 on the facts that have it."""
    per_object: dict[str, list[bool]] = {}
    for hit, objects in zip(hits.tolist(), targets, strict=True):
        for gold in objects:
            per_object.setdefault(gold, []).append(hit)
    return float(np.mean([np.mean(hits_of) for hits_of in per_object.values()]))


def majority_scores(
    label: str,
    targets: Sequence[tuple[str, ...]],
    kind: str,
    labels: Sequence[str] = (),
    *,
    negative_label: str | None = None,
) -> Scores:
    """Scores of always answering `label`; it has no probabilities, hence no log-likelihood."""
    hits = np.array([label in right for right in targets])
    interval = {"n": len(targets), "ci95": wilson(int(hits.sum()), len(targets))}
    if kind == "facts":
        return {"p@1": _mean(hits), "p@1_macro": macro_p_at_1(hits, targets), **interval}
    gold = np.array([labels.index(right[0]) for right in targets])
    always = np.full_like(gold, labels.index(label))
    return {"accuracy": _mean(hits), **f1_scores(gold, always, labels, negative_label), **interval}


def paired_difference(
    ours: Predictions, theirs: Predictions, metric: str, negative_label: str | None = None
) -> dict[str, object]:
    """The paired bootstrap of `metric` (a key of `Scores`) between two prompts on one split.

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
    """The difference of `metric` as a function of the rows it is taken over."""
    if metric in ("macro_f1", "micro_f1"):
        gold, labels = ours.gold, ours.labels

        def f1(predicted: Ints, rows: Ints) -> float:
            return f1_scores(gold[rows], predicted[rows], labels, negative_label)[metric]

        return lambda rows: f1(ours.predicted, rows) - f1(theirs.predicted, rows)
    each = per_example(ours, metric) - per_example(theirs, metric)
    return lambda rows: float(each[rows].mean())


__all__ = [
    "OBJECTIVES",
    "classification_scores",
    "fact_scores",
    "macro_p_at_1",
    "majority_scores",
    "objective_in",
    "paired_difference",
    "scores_of",
    "suits",
]
