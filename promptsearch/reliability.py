"""Whether probabilities are shares: the expected calibration error (Naeini et al. 2015)."""

import numpy as np
from numpy.typing import NDArray

BINS = 20  # as in Jiang et al. (2021), "How Can We Know When Language Models Know?"


def calibration_error(
    confidence: NDArray[np.float64], hits: NDArray[np.bool_], bins: int = BINS
) -> float:
    """In [0, 1]; 0 where of the answers given with probability p the share p is right.

    `confidence` (example,) is the probability of what was predicted. Bins are of equal width, each
    with its upper end; the gaps between accuracy and mean confidence are weighted by examples.
    """
    places = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(places, weights=hits - confidence, minlength=bins)  # (bin,), summed
    return float(np.abs(gaps).sum() / len(confidence))
