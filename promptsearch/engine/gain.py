"""By how much some prompts do better than others on the rows of dev that a search sees."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from promptsearch.metrics import per_example
from promptsearch.metrics.intervals import standard_error
from promptsearch.metrics.predictions import Predictions
from promptsearch.scoring.combination import together


class Gain(NamedTuple):
    """A mean paired difference over rows and its standard error, both in units of the objective."""

    mean: float
    error: float

    def within(self, errors: float) -> bool:
        """Return whether it is no more than so many standard errors."""
        return self.mean <= errors * self.error


def gain_of(ours: Sequence[Predictions], theirs: Sequence[Predictions], objective: str) -> Gain:
    """Return the gain of some prompts over others; each is asked as the mean of probabilities.

    Where the labels are too many for their probabilities to be kept, the first of each stands for
    the others. Rows without a right answer to give count for nothing.
    """
    values = (per_example(_answer(prompts), objective) for prompts in (ours, theirs))
    with np.errstate(invalid="ignore"):  # both have no right answer
        differences = np.subtract(*values)
    differences = differences[np.isfinite(differences)]
    if len(differences) < 2:
        return Gain(0.0, 0.0)
    return Gain(float(differences.mean()), standard_error(differences))


def _answer(prompts: Sequence[Predictions]) -> Predictions:
    if len(prompts) == 1 or any(predictions.log_probs is None for predictions in prompts):
        return prompts[0]
    return together(prompts, "mean")
