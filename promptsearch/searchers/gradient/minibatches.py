"""Random draws of a trigger search: the examples that a step sees, and the position it changes."""

from collections.abc import Sequence

import numpy as np

from promptsearch.searchers.common.ledger_calls import Rows


class Minibatches:
    """Random rows and positions of one restart, equal for equal seeds."""

    def __init__(self, seed: int, restart: int, count: int, size: int) -> None:
        self.rng = np.random.default_rng([seed, restart])
        self._count = count  # training examples
        self._size = min(size, count)

    @property
    def whole(self) -> bool:
        """True if every draw holds all the examples: a step then depends on its position alone."""
        return self._size == self._count

    def pair(self) -> tuple[Rows, Rows]:
        """Return rows for the gradient and rows to compare on, disjoint if there are enough.

        If all are drawn they come in order, so that equal draws are equal.
        """
        if self.whole:
            everything = tuple(range(self._count))
            return everything, everything
        first = self.rng.permutation(self._count)
        disjoint = 2 * self._size <= self._count
        second = first[self._size :] if disjoint else self.rng.permutation(self._count)
        for_gradient, for_comparison = (rows[: self._size].tolist() for rows in (first, second))
        return tuple(for_gradient), tuple(for_comparison)

    def random_position(self, positions: Sequence[int]) -> int:
        """Return one of the positions, drawn uniformly."""
        return int(self.rng.choice(list(positions)))
