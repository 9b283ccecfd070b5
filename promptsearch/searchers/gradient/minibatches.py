"""The chance in a climb: which examples a step sees, and which place it changes."""

from collections.abc import Sequence

import numpy as np

Rows = tuple[int, ...]


class Minibatches:
    """Random rows and places of one climb, the same for the same seed."""

    def __init__(self, seed: int, climb: int, count: int, size: int) -> None:
        self.rng = np.random.default_rng([seed, climb])
        self._count = count  # training examples
        self._size = min(size, count)

    @property
    def whole(self) -> bool:
        """Whether every draw holds all the examples: a step then depends on its place alone."""
        return self._size == self._count

    def pair(self) -> tuple[Rows, Rows]:
        """Rows for the gradient, and others to judge by: none twice, where there are enough.

        Where all are drawn they come in order, so that equal draws are equal.
        """
        if self.whole:
            everything = tuple(range(self._count))
            return everything, everything
        first = self.rng.permutation(self._count)
        apart = 2 * self._size <= self._count
        second = first[self._size :] if apart else self.rng.permutation(self._count)
        for_gradient, for_comparison = (rows[: self._size].tolist() for rows in (first, second))
        return tuple(for_gradient), tuple(for_comparison)

    def random_position(self, positions: Sequence[int]) -> int:
        """One of the places, uniformly."""
        return int(self.rng.choice(list(positions)))
