"""Expected calibration error (Naeini et al. 2015): how far probabilities are from shares."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptsearch.metrics.intervals import wilson

BINS = 20  # as in Jiang et al. (2021), "How Can We Know When Language Models Know?"


def calibration_error(
    confidence: NDArray[np.float64], hits: NDArray[np.bool_], bins: int = BINS
) -> float:
    """Return the error in [0, 1]; 0 if of the answers given with probability p, p are right.

    `confidence` (example,) is the probability of what was predicted. Bins are of equal width, each
    with its upper end; the gaps between accuracy and mean confidence are weighted by examples.
    """
    bin_of = _bin_numbers(confidence, bins)
    gaps = np.bincount(bin_of, weights=hits - confidence, minlength=bins)  # (bin,), summed
    return float(np.abs(gaps).sum() / len(confidence))


@dataclass(frozen=True)
class Bin:
    """Examples whose answers were given with about the same probability, at least one."""

    n: int
    confidence: float  # mean
    accuracy: float
    ci95: tuple[float, float]  # Wilson's, of the accuracy


def reliability_bins(
    confidence: NDArray[np.float64], hits: NDArray[np.bool_], bins: int = BINS
) -> tuple[Bin, ...]:
    """The bins of `calibration_error` that hold something, from the least sure to the surest."""
    bin_of = _bin_numbers(confidence, bins)
    filled = []
    for number in np.unique(bin_of).tolist():
        members = bin_of == number
        right, n = int(hits[members].sum()), int(members.sum())
        filled.append(Bin(n, float(confidence[members].mean()), right / n, wilson(right, n)))
    return tuple(filled)


def _bin_numbers(confidence: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """Return the bin of each confidence, (example,)."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
