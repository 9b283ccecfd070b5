"""What is being passed, as attention must know it: see `attention`."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from promptsearch.models.batching.prefix_tree import PrefixTree


@dataclass(frozen=True, eq=False)
class CrossAttention:
    """Which tokens of a decoder's row see which of the encoder's: runs of equal shapes."""

    queries: Tensor  # (text, query) tokens of the decoder's row
    keys: Tensor  # (text, key) tokens of the encoder's row


@dataclass(frozen=True, eq=False)
class AttentionContext:
    """What is being passed: the forest, and for a decoder what it sees of its encoder."""

    forest: PrefixTree
    across: tuple[CrossAttention, ...] = ()
    memory: "KVCache | None" = None  # where the forest grows on one that was passed before


class KVCache:
    """Keys and values of what was passed before, (token, head, size), by attention layer."""

    def __init__(self) -> None:
        self._own: dict[int, tuple[Tensor, Tensor]] = {}
        self._across: dict[int, tuple[Tensor, Tensor]] = {}

    def grown(self, layer: nn.Module, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """All of the layer's, these at the end."""
        before = self._own.get(id(layer))
        both = (keys, values)
        if before is not None:
            both = torch.cat([before[0], keys]), torch.cat([before[1], values])
        self._own[id(layer)] = both
        return both

    def across(self, layer: nn.Module, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """The encoder's, as they were given first."""
        return self._across.setdefault(id(layer), (keys, values))

    def keep(self, rows: Tensor) -> None:
        """Forget all tokens but these, which are numbered anew in this order."""
        self._own = {layer: (k[rows], v[rows]) for layer, (k, v) in self._own.items()}
