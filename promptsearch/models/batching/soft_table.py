"""The vectors of a plan's soft tokens, and the ids that stand for them in its sequences."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class SoftTable:
    """Soft tokens by id: `first` is that of the first row, beyond all words of the model."""

    first: int
    rows: Tensor  # (soft token, hidden)
