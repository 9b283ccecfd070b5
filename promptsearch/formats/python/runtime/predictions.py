"""What `predict` returns of a row: its label, and log p of all labels."""

from collections.abc import Iterable
from typing import Any

from promptsearch.formats.python.runtime.data import EXPECTED, MODEL
from promptsearch.formats.python.runtime.labels import row_log_probs
from promptsearch.formats.python.runtime.masked_scorer import load_scorer  # or another
from promptsearch.formats.python.runtime.network import AnswerScorer
from promptsearch.formats.python.runtime.prompt import Row

_scorer: AnswerScorer | None = None


def load(model: str = MODEL) -> AnswerScorer:
    """Load the model that `predict` uses."""
    global _scorer
    _scorer = load_scorer(model)
    return _scorer


def predict(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return the likeliest "label" of each row, and the "log_probs" of all labels."""
    scorer = _scorer or load()
    predictions = []
    for row in rows:
        log_probs = row_log_probs(scorer, row)
        label = max(log_probs, key=lambda label: log_probs[label])
        predictions.append({"label": label, "log_probs": log_probs})
    return predictions


def self_test() -> list[float]:
    """Return how much each log p that promptsearch has for some rows differs from ours."""
    predictions = predict([row for row, _ in EXPECTED])
    return [
        abs(prediction["log_probs"][label] - log_prob)
        for prediction, (_, labels) in zip(predictions, EXPECTED, strict=True)
        for label, log_prob in labels.items()
    ]
