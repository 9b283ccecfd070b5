"""Predictions of one prompt for a task of values: each lies between two answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptsearch.metrics.predictions import Floats, Predictions


@dataclass(frozen=True)
class ValuePredictions(Predictions):
    """Predictions of one prompt, whose labels are the lowest and the highest value.

    `log_right` is y log p(high) + (1 - y) log p(low), y being where the right value lies between
    the two, in [0, 1]: the target as a text. `rank` is 2, for nothing is right or wrong.
    """

    @classmethod
    def of(
        cls, labels: tuple[str, ...], targets: Sequence[tuple[str, ...]], log_probs: Floats
    ) -> "ValuePredictions":
        """Return the predictions that are made of (example, low and high) log p."""
        right = shares_of(targets)
        log_right = right * log_probs[:, 1] + (1 - right) * log_probs[:, 0]
        none = np.zeros(len(targets), dtype=np.int64)
        return cls(labels, tuple(targets), log_right, none, none + 2, log_probs)

    @property
    def values(self) -> Floats:
        """(example,): p(high), where between the two the predicted value lies."""
        assert self.log_probs is not None, "there are two labels"
        return np.exp(self.log_probs[:, 1])

    @cached_property
    def counts(self) -> NDArray[Any]:
        """(example, right and predicted): what correlations are of."""
        return np.stack([shares_of(self.targets), self.values], axis=1)


def shares_of(targets: Sequence[tuple[str, ...]]) -> Floats:
    """Return (example,): where right values lie between the lowest and the highest, in [0, 1].

    NaN for an example without one, which is only asked.
    """
    return np.array([float(right[0]) if right else np.nan for right in targets])
