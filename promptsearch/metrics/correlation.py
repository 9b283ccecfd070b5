"""Correlations of values, and the jackknife of what is no mean over examples.

A table is (example, right and predicted).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Table = NDArray[Any]


def pearson(table: Table) -> float:
    """Return Pearson's correlation in [-1, 1]; 0 where one of the columns is constant."""
    right, predicted = table.astype(np.float64).T
    return float(correlations(predicted[:, None], right)[0])


def correlations(table: Floats, right: Floats) -> Floats:
    """Return (column,) Pearson's correlation of each column with (example,) values."""
    centred, values = table - table.mean(0), right - right.mean()
    scale = np.sqrt((centred**2).sum(0) * (values**2).sum())
    products = values @ centred
    quotients: Floats = np.divide(products, scale, out=np.zeros_like(products), where=scale > 1e-12)
    return quotients


def spearman(table: Table) -> float:
    """Return Spearman's correlation: Pearson's of the ranks, equal values sharing theirs."""
    return pearson(np.stack([ranks(column) for column in table.T], axis=1))


def ranks(values: NDArray[Any]) -> Floats:
    """Return ranks from 1; equal values have the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: Floats = last - (counts - 1) / 2
    return means[inverse]


def jackknifed(statistic: Callable[[Table], float]) -> Callable[[Table], Floats]:
    """Return what gives (example,) pseudo-values: their mean is the statistic, and their spread is
    the statistic's to first order (Tukey 1958).
    """

    def shares(table: Table) -> Floats:
        whole, count = statistic(table), len(table)
        if count < 3:
            return np.full(count, whole)
        without = [statistic(np.delete(table, row, axis=0)) for row in range(count)]
        values = count * whole - (count - 1) * np.array(without)
        moved: Floats = values + (whole - values.mean())
        return moved

    return shares
