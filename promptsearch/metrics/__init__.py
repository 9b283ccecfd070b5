"""Metrics: pure functions of what a prompt predicted. Higher is better; logs are natural."""

from promptsearch.metrics.predictions import Floats as Floats
from promptsearch.metrics.predictions import Ints as Ints
from promptsearch.metrics.predictions import Predictions as Predictions
from promptsearch.metrics.predictions import Scores as Scores
from promptsearch.metrics.predictions import per_example as per_example
from promptsearch.metrics.scores import *  # noqa: F403
from promptsearch.metrics.scores import __all__ as _scores

__all__ = ["Floats", "Ints", "Predictions", "Scores", "per_example", *_scores]
