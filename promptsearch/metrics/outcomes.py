"""Outcomes: predictions, example by example, as short as a ledger can keep them.

Every metric that asks for no label's log-probability but the right one's can be computed from them.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from promptsearch.metrics.predictions import Predictions

Outcomes = Mapping[str, Sequence[float | int | None]]  # (example,) by name
DECIMALS = 5  # of nats


def outcomes_of(predictions: Predictions, kind: str) -> Outcomes:
    """Return log p(right) (None for -inf), and the rank of facts or the label of classification."""
    rounded = np.round(predictions.log_right.astype(np.float64), DECIMALS).tolist()
    log_right = [value if np.isfinite(value) else None for value in rounded]
    if kind == "facts":
        return {"log_right": log_right, "rank": predictions.rank.tolist()}
    return {"log_right": log_right, "predicted": predictions.predicted.tolist()}


def predictions_of(
    outcomes: Outcomes, labels: tuple[str, ...], targets: Sequence[tuple[str, ...]]
) -> Predictions:
    """Return the predictions that these are outcomes of, without log-probabilities of all labels.

    Ranks of classification are 1 or 2, predicted labels of facts all 0: nothing asks for more.
    """
    log_right = [-np.inf if value is None else value for value in outcomes["log_right"]]
    if "rank" in outcomes:
        rank = np.array(outcomes["rank"], dtype=np.int64)
        predicted = np.zeros_like(rank)
    else:
        predicted = np.array(outcomes["predicted"], dtype=np.int64)
        hits = [labels[p] in right for p, right in zip(predicted.tolist(), targets, strict=True)]
        rank = np.where(hits, 1, 2)
    return Predictions(labels, tuple(targets), np.array(log_right), predicted, rank)
