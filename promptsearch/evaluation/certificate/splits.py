"""Draws of a few rows of each label."""

import numpy as np

from promptsearch.metrics.predictions import Ints


def few_shots(strata: Ints, shots: int, rng: np.random.Generator) -> Ints:
    """Draw the indices of `shots` rows of each label (all of them where a label has fewer)."""
    shuffled = rng.permutation(len(strata))
    drawn = [shuffled[strata[shuffled] == label][:shots] for label in np.unique(strata)]
    return np.sort(np.concatenate(drawn))
