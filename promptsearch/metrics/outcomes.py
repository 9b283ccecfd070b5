"""Outcomes: predictions, example by example, as short as a ledger can keep them.

From them every metric can be computed again, on any rows, and ensembles where labels are few.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from promptsearch.metrics.generation_predictions import GenerationPredictions
from promptsearch.metrics.multi_label_predictions import MultiLabelPredictions
from promptsearch.metrics.predictions import Floats, Predictions, TagPredictions
from promptsearch.metrics.value_predictions import ValuePredictions
from promptsearch.prompt.verbalizer import ANY_TEXT

Outcomes = Mapping[str, Sequence[object]]  # (example,) by name
DECIMALS = 5  # of nats
FEW = 32  # labels whose log-probabilities are all kept


def label_outcomes(predictions: Predictions) -> Outcomes:
    """Return log p(right) (None for -inf) and the label; log p of each of FEW labels or less."""
    log_right = _rounded(predictions.log_right)
    outcomes = {"log_right": log_right, "predicted": predictions.predicted.tolist()}
    if predictions.log_probs is None or len(predictions.labels) > FEW:
        return outcomes
    return {**outcomes, "log_probs": [_rounded(row) for row in predictions.log_probs]}


def rank_outcomes(predictions: Predictions) -> Outcomes:
    """Return log p(right) (None for -inf) and the rank of the best right object."""
    return {"log_right": _rounded(predictions.log_right), "rank": predictions.rank.tolist()}


def tag_outcomes(predictions: Predictions) -> Outcomes:
    """Return log p(right), rank 1 where all tags of a sentence are right, and its counts."""
    assert isinstance(predictions, TagPredictions), "a task of tags has these"
    return {**rank_outcomes(predictions), "counts": predictions.counts.tolist()}


def set_outcomes(predictions: Predictions) -> Outcomes:
    """Return log p(right) and the log-odds of each label."""
    assert isinstance(predictions, MultiLabelPredictions), "a task of several labels has these"
    log_odds = [_rounded(row) for row in predictions.log_odds]
    return {"log_right": _rounded(predictions.log_right), "log_odds": log_odds}


def value_outcomes(predictions: Predictions) -> Outcomes:
    """Return log p of both ends of the range."""
    assert predictions.log_probs is not None, "labels are two"
    return {"ends": [_rounded(row) for row in predictions.log_probs]}


def text_outcomes(predictions: Predictions) -> Outcomes:
    """Return log p(references), and the texts where there are any."""
    assert isinstance(predictions, GenerationPredictions), "a task of generation has these"
    texts = {"texts": list(predictions.texts)} if predictions.texts else {}
    return {"log_right": _rounded(predictions.log_right), **texts}


def predictions_of(
    outcomes: Outcomes, labels: tuple[str, ...], targets: Sequence[tuple[str, ...]]
) -> Predictions:
    """Return the predictions that these are outcomes of.

    Ranks of classification are 1 or 2, predicted labels of facts all 0: nothing asks for more.
    Several labels at once are decided at 0.
    """
    if "log_odds" in outcomes:
        log_odds = np.array(outcomes["log_odds"], dtype=np.float64).reshape(-1, len(labels))
        return MultiLabelPredictions.of(labels, targets, log_odds)
    if "ends" in outcomes:
        ends = np.array(outcomes["ends"], dtype=np.float64).reshape(-1, 2)
        ends[np.isnan(ends)] = -np.inf
        return ValuePredictions.of(labels, targets, ends)
    log_right = np.array(outcomes["log_right"], dtype=np.float64)
    log_right[np.isnan(log_right)] = -np.inf  # None
    if labels == (ANY_TEXT,):
        texts = list(map(str, outcomes.get("texts", ())))
        return GenerationPredictions.of(targets, log_right, texts)
    if "rank" in outcomes:
        rank = np.array(outcomes["rank"], dtype=np.int64)
        if "counts" in outcomes:
            counts = np.array(outcomes["counts"], dtype=np.int64).reshape(-1, 5)
            fixed = labels, tuple(targets), log_right, np.zeros_like(rank), rank, None
            return TagPredictions(*fixed, counts)
        return Predictions(labels, tuple(targets), log_right, np.zeros_like(rank), rank)
    predicted = np.array(outcomes["predicted"], dtype=np.int64)
    hits = [labels[p] in right for p, right in zip(predicted.tolist(), targets, strict=True)]
    log_probs = None
    if "log_probs" in outcomes:
        log_probs = np.array(outcomes["log_probs"], dtype=np.float64)
        log_probs[np.isnan(log_probs)] = -np.inf
    rank = np.where(hits, 1, 2)
    return Predictions(labels, tuple(targets), log_right, predicted, rank, log_probs)


def _rounded(values: Floats) -> list[float | None]:
    rounded = np.round(values.astype(np.float64), DECIMALS).tolist()
    return [value if np.isfinite(value) else None for value in rounded]
