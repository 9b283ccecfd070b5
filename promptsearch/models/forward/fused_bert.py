"""A fused forward pass of BERT-like encoders: packed, and read at the slots only.

The plain model of transformers stays the reference. Here the queries, keys and values are one
product, weights lie as the kernels want them, activations and residuals are part of the products,
and of the last layer only the tokens that will be read go on. Used if a check at loading shows that
it gives the outputs of the plain model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from promptsearch.models.batching.prefix_tensors import PrefixTensors
from promptsearch.models.batching.prefix_tree import ROUND, PrefixTree
from promptsearch.models.batching.soft_table import SoftTable
from promptsearch.models.forward.attention import KeysValues, tree_attention
from promptsearch.models.forward.layer_prefixes import PrefixReader
from promptsearch.models.forward.linear import Linear, linear


@dataclass(frozen=True, eq=False)
class Norm:
    """Layer normalisation of (row, hidden)."""

    weight: Tensor
    bias: Tensor
    eps: float

    @classmethod
    def of(cls, module: nn.LayerNorm, dtype: torch.dtype) -> "Norm":
        return cls(module.weight.to(dtype), module.bias.to(dtype), module.eps)

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, self.eps)


@dataclass(frozen=True, eq=False)
class Layer:
    """One encoder layer; names follow transformers' BERT."""

    qkv: Linear
    output: Linear
    output_norm: Norm
    intermediate: Linear
    down: Linear
    down_norm: Norm

    @classmethod
    def of(cls, module: Any, dtype: torch.dtype) -> "Layer":
        attention = module.attention.self
        parts = (attention.query, attention.key, attention.value)
        weight = torch.cat([part.weight for part in parts]).to(dtype)
        bias = torch.cat([part.bias for part in parts]).to(dtype)
        return cls(
            linear(weight, bias),
            _linear(module.attention.output.dense, dtype),
            Norm.of(module.attention.output.LayerNorm, dtype),
            _linear(module.intermediate.dense, dtype, gelu=True),
            _linear(module.output.dense, dtype),
            Norm.of(module.output.LayerNorm, dtype),
        )

    def __call__(
        self,
        x: Tensor,
        tree: PrefixTree,
        heads: int,
        read: Tensor | None,
        reader: PrefixReader | None,
    ) -> Tensor:
        """Return (token, hidden), or (read, hidden) if only the tokens of `read` go on."""
        rows = self.qkv(x).view(len(x), 3, heads, -1).unbind(1)  # (token, head, size) each
        prefix = None if reader is None else reader.before(False, *rows[1:])
        attention = self._attend(rows, tree, prefix)
        if read is not None:
            x, attention = x[read], attention[read]
        x = self.output_norm(self.output(attention, x))
        return self.down_norm(self.down(self.intermediate(x), x))

    @staticmethod
    def _attend(rows: Sequence[Tensor], tree: PrefixTree, prefix: KeysValues | None) -> Tensor:
        return tree_attention(rows, tree, causal=False, prefix=prefix).flatten(1)


@dataclass(frozen=True, eq=False)
class FusedEncoder:
    """Embeddings, layers and masked-LM head, in `dtype`."""

    words: Tensor
    positions: Tensor  # (position, hidden), with the first token type added
    second_type: Tensor | None  # (hidden,) that type less the first; None: the model has one
    norm: Norm
    layers: Sequence[Layer]
    heads: int
    transform: Linear
    transform_norm: Norm
    decoder: Linear
    soft: SoftTable | None = None
    prefix: PrefixTensors | None = None

    @classmethod
    def of(cls, model: Any, first_position: int, dtype: torch.dtype) -> "FusedEncoder":
        """Return the weights of a transformers model.

        Raise AttributeError or ValueError if it is not built like BERT.
        """
        config, body = model.config, model.base_model
        if config.hidden_act != "gelu" or getattr(config, "is_decoder", False):
            raise ValueError(f"no fused forward for {config.hidden_act} or decoders")
        embeddings = body.embeddings
        positions = embeddings.position_embeddings.weight[first_position:]
        types = embeddings.token_type_embeddings.weight
        head = model.cls.predictions if hasattr(model, "cls") else model.lm_head
        transform = head.transform if hasattr(head, "transform") else head
        norm = transform.LayerNorm if hasattr(transform, "LayerNorm") else transform.layer_norm
        return cls(
            embeddings.word_embeddings.weight.to(dtype),
            (positions + types[0]).to(dtype),
            (types[1] - types[0]).to(dtype) if len(types) > 1 else None,
            Norm.of(embeddings.LayerNorm, dtype),
            [Layer.of(layer, dtype) for layer in body.encoder.layer],
            config.num_attention_heads,
            _linear(transform.dense, dtype, gelu=True),
            Norm.of(norm, dtype),
            _linear(head.decoder, dtype),
        )

    def states(self, tree: PrefixTree, read: Tensor) -> Tensor:
        """Return hidden states (position, hidden) of the tokens of the row that are read."""
        padding = -len(read) % ROUND
        rows = F.pad(read, (0, padding))
        reader = None if self.prefix is None else PrefixReader(self.prefix)
        depths = tree.depths if self.prefix is None else tree.depths + self.prefix.length
        rows_of_tokens = self.positions[depths]
        if tree.types is not None and self.second_type is not None:
            second = tree.types[:, None].to(self.second_type.dtype)
            rows_of_tokens = rows_of_tokens + second * self.second_type
        x = self.norm(self._embed(tree.ids) + rows_of_tokens)
        for number, layer in enumerate(self.layers, 1):
            read_here = rows if number == len(self.layers) else None
            x = layer(x, tree, self.heads, read_here, reader)
        return x[: len(read)]

    def _embed(self, ids: Tensor) -> Tensor:
        """Return (token, hidden): words' rows, and the vectors of soft tokens."""
        if self.soft is None:
            return self.words[ids]
        return self.soft.embedded(ids, lambda words: self.words[words])

    def logits(self, states: Tensor) -> Tensor:
        """Return (position, word), in float32, from (position, hidden)."""
        padding = -len(states) % ROUND
        padded = F.pad(states, (0, 0, 0, padding))
        words = self.decoder(self.transform_norm(self.transform(padded)))
        return words[: len(states)].float()


def _linear(module: nn.Linear, dtype: torch.dtype, *, gelu: bool = False) -> Linear:
    return linear(module.weight.to(dtype), module.bias.to(dtype), "gelu" if gelu else "none")
