"""The vectors of a plan's soft tokens, and the ids that stand for them in its sequences."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class SoftTable:
    """Soft tokens by id: `first` is that of the first row, beyond all words of the model."""

    first: int
    rows: Tensor  # (soft token, hidden)
    names: tuple[str, ...] = ()  # of the soft parts, in the order of their rows

    def embedded(self, ids: Tensor, embed: Callable[[Tensor], Tensor]) -> Tensor:
        """Return the embedding of ids: `embed`'s of words, and the table's rows."""
        soft = ids >= self.first
        words = embed(ids.masked_fill(soft, 0))
        rows = self.rows.to(words.device, words.dtype)[ids[soft] - self.first]
        return words.index_put(soft.nonzero(as_tuple=True), rows)
