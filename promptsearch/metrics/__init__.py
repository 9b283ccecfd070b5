"""Metrics: pure functions of what a prompt predicted. Higher is better; logs are natural."""

from promptsearch.metrics.metric import (
    METRIC,
    METRICS,
    OBJECTIVES,
    MeasuredKind,
    Metric,
    headline_metric,
    interval_metric,
    macro_p_at_1,
    metrics_of,
    objective_in,
    paired_difference,
    per_example,
    scores_of,
    suits,
    table_metrics,
    title_of,
)
from promptsearch.metrics.predictions import Floats, Ints, Predictions, Scores

__all__ = [
    "METRIC",
    "METRICS",
    "OBJECTIVES",
    "Floats",
    "Ints",
    "MeasuredKind",
    "Metric",
    "Predictions",
    "Scores",
    "headline_metric",
    "interval_metric",
    "macro_p_at_1",
    "metrics_of",
    "objective_in",
    "paired_difference",
    "per_example",
    "scores_of",
    "suits",
    "table_metrics",
    "title_of",
]
