"""A prefix and a head as tensors: what passes of a plan read them from, and training moves."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from promptsearch.prompt import Head, Prefix


@dataclass(frozen=True, eq=False)
class PrefixTensors:
    """Keys and values that stand before a row of tokens."""

    length: int
    layers: Mapping[int, int]  # layer, from 0 -> its index in the tensors
    tensors: Mapping[str, Tensor]  # by attention: (layer, key | value, head, position, size)

    @classmethod
    def of(cls, prefix: Prefix, device: torch.device) -> "PrefixTensors":
        """Return the prefix on a device."""
        tensors = {name: torch.tensor(each, device=device) for name, each in prefix.tensors.items()}
        return cls(prefix.length, {layer - 1: i for i, layer in enumerate(prefix.layers)}, tensors)

    def at(self, attention: str, layer: int) -> tuple[Tensor, Tensor] | None:
        """Return the keys and the values (position, head, size) at a layer, from 0; None: none."""
        if layer not in self.layers or attention not in self.tensors:
            return None
        keys, values = self.tensors[attention][self.layers[layer]].transpose(1, 2)
        return keys, values


@dataclass(frozen=True, eq=False)
class HeadTensors:
    """A linear layer from hidden states to labels."""

    weight: Tensor  # (label, hidden)
    bias: Tensor  # (label,)

    @classmethod
    def of(cls, head: Head, device: torch.device) -> "HeadTensors":
        """Return the head on a device."""
        return cls(*(torch.tensor(each, device=device) for each in (head.weight, head.bias)))

    def logits(self, states: Tensor) -> Tensor:
        """Return (position, label), in float32, from (position, hidden)."""
        return torch.nn.functional.linear(states.float(), self.weight, self.bias)
