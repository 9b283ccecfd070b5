"""One table of all metrics: a metric is one row of `METRICS`. Higher is better, logs natural.

Scores, objectives, paired differences, the certificate, tables and the report read the table.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from promptsearch.metrics.calibration_error import calibration_error
from promptsearch.metrics.correlation import jackknifed, pearson, spearman
from promptsearch.metrics.entity_f1 import EntityScores, entity_f1_shares
from promptsearch.metrics.f1 import labels_macro_f1, labels_micro_f1, macro_shares, micro_shares
from promptsearch.metrics.generation_predictions import GenerationPredictions
from promptsearch.metrics.intervals import bootstrap, wilson
from promptsearch.metrics.label_sets import (
    set_macro_f1,
    set_macro_shares,
    set_micro_f1,
    set_micro_shares,
)
from promptsearch.metrics.multi_label_predictions import MultiLabelPredictions
from promptsearch.metrics.predictions import Floats, Ints, Predictions, Scores, TagPredictions
from promptsearch.metrics.text_metrics import bleu_of
from promptsearch.metrics.value_predictions import ValuePredictions


class MeasuredKind(Protocol):
    """What is known here of a kind of task: the keys of its metrics, in the order of scores."""

    @property
    def metric_keys(self) -> Sequence[str]: ...
    @property
    def table_keys(self) -> Sequence[str]: ...


@dataclass(frozen=True)
class Metric:
    """A metric: its names, and how it is computed; kinds of task say which ones they have.

    `of` takes predictions and the negative label. `per_example` are (example,) values whose mean is
    the metric. A ratio, as F1 is, has no such values: `of_labels` computes it from gold and
    predicted label indices, and the mean and spread of its `shares` (example,) are those of the
    metric to first order.
    """

    key: str  # in `Scores` and prompts.json
    title: str
    of: Callable[[Predictions, str | None], float | None]
    option: str | None = None  # the name as an objective; None if it cannot be one
    per_example: Callable[[Predictions], Floats] | None = None
    of_labels: Callable[[Ints, Ints, Sequence[str], str | None], float] | None = None
    shares: Callable[[Ints, Ints, Sequence[str], str | None], Floats] | None = None
    # A ratio of counts of examples, where predictions have these: computed from their sums, and
    # `count_shares` are (example,) values as `shares` are.
    of_counts: Callable[[Ints], float] | None = None
    count_shares: Callable[[Ints], Floats] | None = None
    in_tables: bool = False
    is_bootstrapped: bool = False  # whether scores have its bootstrap interval, over examples
    has_interval: bool = False  # whether `ci95` of the scores is this metric's
    needs_ranks: bool = False  # whether it asks for more than one predicted label an example
    needs_log_probs: bool = False  # whether it asks for the log-probabilities of all labels
    needs_texts: bool = False  # whether it asks for what the model writes


def _mean(values: NDArray[np.generic]) -> float:
    return float(values.astype(np.float64).mean())


def _hits(predictions: Predictions) -> Floats:
    return predictions.hits.astype(np.float64)


def _log_right(predictions: Predictions) -> Floats:
    """Return (example,): log p(right); 0 for an uncovered fact, so that it makes no difference."""
    return np.where(predictions.rank > 0, predictions.log_right, 0.0)


def _reciprocal_ranks(predictions: Predictions) -> Floats:
    return np.where(predictions.rank > 0, 1 / np.maximum(predictions.rank, 1), 0.0)


def _log_likelihood(predictions: Predictions, _: str | None) -> float | None:
    covered = predictions.rank > 0
    return _mean(predictions.log_right[covered]) if covered.any() else None


def _accuracy(predictions: Predictions, _: str | None) -> float:
    return _mean(predictions.hits)


def _macro_f1(predictions: Predictions, negative: str | None) -> float:
    if isinstance(predictions, MultiLabelPredictions):
        return set_macro_f1(predictions.counts)
    return labels_macro_f1(predictions.gold, predictions.predicted, predictions.labels, negative)


def _micro_f1(predictions: Predictions, negative: str | None) -> float:
    if isinstance(predictions, MultiLabelPredictions):
        return set_micro_f1(predictions.counts)
    return labels_micro_f1(predictions.gold, predictions.predicted, predictions.labels, negative)


def _shares_right(predictions: Predictions) -> Floats:
    assert isinstance(predictions, MultiLabelPredictions), "a task of several labels has these"
    return predictions.shares_right


def _hamming(predictions: Predictions, _: str | None) -> float:
    return _mean(_shares_right(predictions))


def _ece(predictions: Predictions, _: str | None) -> float | None:
    if predictions.log_probs is None:
        return None
    return calibration_error(np.exp(predictions.log_probs.max(1)), predictions.hits)


def _macro_p_at_1(predictions: Predictions, _: str | None) -> float:
    return macro_p_at_1(predictions.hits, predictions.targets)


def macro_p_at_1(hits: NDArray[np.bool_], targets: Sequence[tuple[str, ...]]) -> float:
    """Return LPAQA's macro: the mean over distinct gold objects of P@1 on their facts."""
    per_object: dict[str, list[bool]] = {}
    for hit, objects in zip(hits.tolist(), targets, strict=True):
        for gold in objects:
            per_object.setdefault(gold, []).append(hit)
    return float(np.mean([np.mean(hits_of) for hits_of in per_object.values()]))


def _mrr(predictions: Predictions, _: str | None) -> float:
    return _mean(_reciprocal_ranks(predictions))


def _coverage(predictions: Predictions, _: str | None) -> float:
    return _mean(predictions.rank > 0)


def _counted(of_counts: Callable[[Ints], float]) -> Callable[[Predictions, str | None], float]:
    """Return a metric of all sentences from one of counts."""

    def value(predictions: Predictions, _: str | None) -> float:
        return of_counts(_counts(predictions))

    return value


def _counts(predictions: Predictions) -> Ints:
    counts = counts_of(predictions)
    assert counts is not None, "sentences have these, and sets of labels"
    return counts


def counts_of(predictions: Predictions) -> Ints | None:
    """Return the counts that ratios are of, (example, count); None where examples have none."""
    if isinstance(predictions, TagPredictions | MultiLabelPredictions):
        return predictions.counts
    if isinstance(predictions, ValuePredictions) or has_texts(predictions):
        counts: Ints = getattr(predictions, "counts")  # noqa: B009
        return counts
    return None


def _entity_f1(counts: Ints) -> float:
    return EntityScores.of_counts(counts[:, :3]).f1


def _entity_precision(counts: Ints) -> float:
    return EntityScores.of_counts(counts[:, :3]).precision


def _entity_recall(counts: Ints) -> float:
    return EntityScores.of_counts(counts[:, :3]).recall


def _tag_accuracy(counts: Ints) -> float:
    right, words = counts[:, 3:].sum(0).tolist()
    return float(right / words) if words else 0.0


def has_texts(predictions: Predictions) -> bool:
    """Return whether the model wrote texts."""
    return isinstance(predictions, GenerationPredictions) and bool(predictions.texts)


def _of_texts(key: str, title: str, option: str, bootstrapped: bool = True) -> Metric:
    """Return the metric whose (example,) values are the predictions' attribute of that name.

    Its interval is a bootstrap, or else that of hits.
    """

    def values(predictions: Predictions) -> Floats:
        each: Floats = getattr(predictions, key)
        return each

    return Metric(
        key,
        title,
        lambda predictions, _: _mean(values(predictions)),
        option=option,
        per_example=values,
        in_tables=True,
        needs_texts=True,
        is_bootstrapped=bootstrapped,
        has_interval=not bootstrapped,
    )


def _correlation(key: str, title: str, of: Callable[[Ints], float], first: bool) -> Metric:
    """Return the metric of that name; scores have the interval of the `first` one as theirs."""
    return Metric(
        key,
        title,
        _counted(of),
        option=key,
        of_counts=of,
        count_shares=jackknifed(of),
        in_tables=True,
        is_bootstrapped=True,
        has_interval=first,
    )


METRICS = (
    Metric(
        "log_likelihood", "log-likelihood", _log_likelihood, option="log-likelihood",
        per_example=_log_right, in_tables=True, needs_ranks=True,
    ),
    Metric(
        "accuracy", "accuracy", _accuracy, option="accuracy",
        per_example=_hits, in_tables=True, has_interval=True,
    ),
    Metric(
        "macro_f1", "macro F1", _macro_f1, option="macro-f1",
        of_labels=labels_macro_f1, shares=macro_shares, in_tables=True,
        of_counts=set_macro_f1, count_shares=set_macro_shares,
    ),
    Metric(
        "micro_f1", "micro F1", _micro_f1, option="micro-f1",
        of_labels=labels_micro_f1, shares=micro_shares,
        of_counts=set_micro_f1, count_shares=set_micro_shares, is_bootstrapped=True,
    ),
    Metric("ece", "ECE", _ece, needs_log_probs=True),
    Metric(
        "p@1", "P@1", _accuracy, option="p@1",
        per_example=_hits, in_tables=True, has_interval=True,
    ),
    Metric("p@1_macro", "P@1 over objects", _macro_p_at_1),
    Metric(
        "mrr", "MRR", _mrr, option="mrr",
        per_example=_reciprocal_ranks, in_tables=True, needs_ranks=True,
    ),
    Metric("coverage", "coverage", _coverage),
    Metric(
        "entity_f1", "entity F1", _counted(_entity_f1), option="entity-f1",
        of_counts=_entity_f1, count_shares=entity_f1_shares, in_tables=True, is_bootstrapped=True,
    ),
    Metric("entity_precision", "entity precision", _counted(_entity_precision)),
    Metric("entity_recall", "entity recall", _counted(_entity_recall)),
    Metric(
        "tag_accuracy", "tag accuracy", _counted(_tag_accuracy),
        of_counts=_tag_accuracy, in_tables=True,
    ),
    Metric(
        "sentence_accuracy", "sentences all right", _accuracy, option="sentence-accuracy",
        per_example=_hits, has_interval=True,
    ),
    Metric(
        "subset_accuracy", "sets all right", _accuracy, option="subset-accuracy",
        per_example=_hits, has_interval=True, in_tables=True,
    ),
    Metric(
        "hamming", "decisions right", _hamming, option="hamming",
        per_example=_shares_right, in_tables=True,
    ),
    _correlation("pearson", "Pearson's r", pearson, first=True),
    _correlation("spearman", "Spearman's rho", spearman, first=False),
    _of_texts("rouge_l", "ROUGE-L", "rouge-l"),
    _of_texts("chrf", "chrF", "chrf"),
    Metric(
        "bleu", "BLEU", _counted(bleu_of), option="bleu",
        of_counts=bleu_of, count_shares=jackknifed(bleu_of), in_tables=True, is_bootstrapped=True,
        needs_texts=True,
    ),
    _of_texts("exact_match", "exact match", "em", bootstrapped=False),
    _of_texts("token_f1", "F1 of words", "f1"),
)  # fmt: skip
METRIC = {metric.key: metric for metric in METRICS}
OBJECTIVES = {metric.option: metric.key for metric in METRICS if metric.option}


def metrics_of(kind: MeasuredKind) -> list[Metric]:
    """Return the metrics of a kind of task."""
    return [METRIC[key] for key in kind.metric_keys]


def suits(key: str, kind: MeasuredKind) -> bool:
    """Return whether the metric is defined for the kind of task; unknown ones are for all."""
    return key not in METRIC or key in kind.metric_keys


def table_metrics(kind: MeasuredKind) -> tuple[str, ...]:
    """Return the keys of the metrics that tables show, by kind of task."""
    return tuple(kind.table_keys or (metric.key for metric in metrics_of(kind) if metric.in_tables))


def headline_metric(kind: MeasuredKind) -> str:
    """Return the key of the metric that says how many answers are right, by kind of task."""
    return next(key for key in table_metrics(kind) if key != "log_likelihood")


def interval_metric(kind: MeasuredKind) -> str:
    """Return the key of the metric that `ci95` is of."""
    return next(metric.key for metric in metrics_of(kind) if metric.has_interval)


def title_of(key: str) -> str:
    """Return a metric's name as people write it; unknown keys stay as they are."""
    return METRIC[key].title if key in METRIC else key


def per_example(predictions: Predictions, key: str) -> Floats:
    """Return (example,): values whose mean the metric is; hits for a metric that is no mean.

    Where the model wrote no texts, log-likelihoods stand for what is measured of them.
    """
    metric = METRIC.get(key)
    if metric is not None and metric.needs_texts and not has_texts(predictions):
        return _log_right(predictions)
    return ((metric and metric.per_example) or _hits)(predictions)


def objective_in(search: Mapping[str, object]) -> str:
    """Return the objective of a prompts.json's `search` as a key of `Scores`.

    Log-likelihood if it has none.
    """
    return OBJECTIVES.get(str(search.get("objective")), "log_likelihood")


def scores_of(
    predictions: Predictions, kind: MeasuredKind, negative_label: str | None = None
) -> Scores:
    """Return the metrics of the kind of task, the number of examples and an interval.

    Of classification: log_likelihood in (-inf, 0]; accuracy, macro_f1, micro_f1 and ece in [0, 1],
    ece being lower the better, and only where all labels' log-probabilities are kept; `ci95` is
    of accuracy. Of facts: p@1, p@1_macro, mrr and coverage in [0, 1]; `ci95` is of p@1. A fact
    without a right object among the candidates counts as wrong, and is left out of log_likelihood
    (None where nothing is covered); `coverage` is the share of the others. Of tags: log_likelihood
    is the mean over sentences of that over their words; entity_f1, entity_precision and
    entity_recall over all spans, tag_accuracy over all words; `ci95` is of sentence_accuracy, and
    entity_f1_ci95 a bootstrap over sentences. Of several labels at once: log_likelihood is the mean
    over examples of that over decisions; micro_f1 with its bootstrap over examples, macro_f1, and
    hamming, the share of right decisions (1 - Hamming loss), at the `threshold`; `ci95` is of
    subset_accuracy. Of generation: log_likelihood is the mean over examples of that over their
    references; where texts were written, rouge_l, exact_match and token_f1 in [0, 1], chrf (mean of
    single texts') and bleu (of all together) in [0, 100]; `ci95` is of exact_match. Of values:
    log_likelihood is minus the cross-entropy to where the value lies between both answers; pearson
    and spearman in [-1, 1], with bootstraps over examples; `ci95` is of pearson.
    """
    metrics = metrics_of(kind)
    values = {
        metric.key: metric.of(predictions, negative_label)
        for metric in metrics
        if (predictions.log_probs is not None or not metric.needs_log_probs)
        and (has_texts(predictions) or not metric.needs_texts)
    }
    intervals: dict[str, object] = {
        f"{metric.key}_ci95": _interval(metric, predictions)
        for metric in metrics
        if metric.is_bootstrapped and (has_texts(predictions) or counts_of(predictions) is not None)
    }
    if isinstance(predictions, MultiLabelPredictions):
        intervals["threshold"] = predictions.threshold
    count = len(predictions.targets)
    if isinstance(predictions, GenerationPredictions) and not predictions.texts:
        return {**values, "n": count}
    if isinstance(predictions, ValuePredictions):
        return {**values, **intervals, "n": count, "ci95": intervals["pearson_ci95"]}
    return {**values, **intervals, "n": count, "ci95": wilson(int(predictions.hits.sum()), count)}


def _interval(metric: Metric, predictions: Predictions) -> list[float]:
    if metric.of_counts is None:
        values = per_example(predictions, metric.key)
        interval, _ = bootstrap(lambda rows: float(values[rows].mean()), len(values))
        return list(interval)
    of_counts, counts = metric.of_counts, _counts(predictions)
    interval, _ = bootstrap(lambda rows: of_counts(counts[rows]), len(counts))
    return list(interval)


def paired_difference(
    ours: Predictions, theirs: Predictions, metric: str, negative_label: str | None = None
) -> dict[str, object]:
    """Return the paired bootstrap of `metric` (a key of `Scores`) between two prompts on one split.

    `ci95` is the percentile interval of the difference, `p` two-sided; `n_discordant` examples are
    right under one prompt and wrong under the other. Where one of them wrote no texts, the metric
    is log_likelihood.
    """
    if (
        metric in METRIC
        and METRIC[metric].needs_texts
        and not (has_texts(ours) and has_texts(theirs))
    ):
        metric = "log_likelihood"
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
    of_counts = METRIC[metric].of_counts if metric in METRIC else None
    if of_counts is not None and counts_of(ours) is not None:
        a, b = _counts(ours), _counts(theirs)
        return lambda rows: of_counts(a[rows]) - of_counts(b[rows])
    if of_labels is not None:
        gold, labels, ratio = ours.gold, ours.labels, of_labels

        def value(predicted: Ints, rows: Ints) -> float:
            return ratio(gold[rows], predicted[rows], labels, negative_label)

        return lambda rows: value(ours.predicted, rows) - value(theirs.predicted, rows)
    each = per_example(ours, metric) - per_example(theirs, metric)
    return lambda rows: float(each[rows].mean())
