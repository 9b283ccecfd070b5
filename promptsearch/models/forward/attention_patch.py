"""Attention along the paths of a prefix tree, in place of a transformers model's own.

transformers lets an attention function be registered by name (its `AttentionInterface`); ours
computes each run of the current tree, and nothing between sequences. Any model that calls its
attention through the interface, and takes positions, can so read packed sequences. Which models do
is found out by comparing outputs: see `select_backend.py`.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from promptsearch.models.batching.prefix_tree import PrefixTree
from promptsearch.models.forward.attention import (
    KeysValues,
    after_prefix,
    attention,
    tree_attention,
    without_cudnn,
)
from promptsearch.models.forward.patched import patched

NAME = "promptsearch"


@dataclass(frozen=True, eq=False)
class CrossAttention:
    """The encoder's tokens that the decoder's tokens attend to, for texts of equal shapes."""

    queries: Tensor  # (text, query) tokens of the decoder's row
    keys: Tensor  # (text, key) tokens of the encoder's row


@dataclass(frozen=True, eq=False)
class AttentionContext:
    """The tree of the current forward pass; for a decoder, also its cross-attention and cache.

    A prefix stands before the tree's sequences, and before the texts of the cross-attention.
    """

    tree: PrefixTree
    cross_attention: tuple[CrossAttention, ...] = ()
    cache: "KVCache | None" = None  # of earlier tokens, if the tree continues them
    prefix: "LayerPrefixes | None" = None


class LayerPrefixes(Protocol):
    """What stands before the keys and values of each layer, asked in the order of the layers."""

    def before(self, cross: bool, keys: Tensor, values: Tensor) -> KeysValues | None:
        """Return the prefix of the next layer's (cross-)attention, whose keys and values are these.

        They are (token, head, size); None: nothing stands before them.
        """
        ...


class KVCache:
    """Keys and values of earlier tokens, (token, head, size), by attention layer."""

    def __init__(self) -> None:
        self._decoder: dict[int, tuple[Tensor, Tensor]] = {}
        self._encoder: dict[int, tuple[Tensor, Tensor]] = {}

    def append(self, layer: nn.Module, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return all keys and values of the layer, these at the end, and remember them."""
        previous = self._decoder.get(id(layer))
        both = (keys, values)
        if previous is not None:
            both = torch.cat([previous[0], keys]), torch.cat([previous[1], values])
        self._decoder[id(layer)] = both
        return both

    def encoder(self, layer: nn.Module, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return the encoder's keys and values, as the first call had them."""
        return self._encoder.setdefault(id(layer), (keys, values))

    def keep(self, rows: Tensor) -> None:
        """Forget all tokens but these, which are numbered anew in this order."""
        self._decoder = {layer: (k[rows], v[rows]) for layer, (k, v) in self._decoder.items()}


class NotPackable(TypeError):
    """The model calls attention with an option that a tree cannot serve."""


_ONE_AT_A_TIME = Lock()
_context: ContextVar[AttentionContext] = ContextVar("passing")


def _forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    is_causal: bool | None = None,
    position_bias: Tensor | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """Return (1, token, head, size) from (1, head, token, size), with transformers' signature."""
    _refuse(attention_mask, dropout, options)
    context = _context.get()
    causal = bool(getattr(module, "is_causal", False) if is_causal is None else is_causal)
    rows = [part[0].transpose(0, 1) for part in (query, key, value)]  # (token, head, size)
    cross = bool(context.cross_attention) and not causal
    if context.cache is not None:
        cached = context.cache.encoder if cross else context.cache.append
        rows[1:] = cached(module, rows[1], rows[2])
    prefix = None if context.prefix is None else context.prefix.before(cross, rows[1], rows[2])
    if cross:
        out = rows[2].new_zeros(*rows[0].shape[:2], rows[2].shape[2])
        _cross(rows, out, context.cross_attention, scaling, prefix)
        return out[None], None
    out = tree_attention(
        rows,
        context.tree,
        causal=causal,
        scale=scaling,
        distance_biases=position_bias,
        prefix=prefix,
    )
    return out[None], None


_HARMLESS = {"use_cache", "output_attentions", "output_hidden_states", "position_ids", "cache"}
_HARMLESS |= {"position_embeddings", "cache_position", "past_key_values", "encoder_hidden_states"}
_HARMLESS |= {"output_router_logits", "deterministic"}
_HARMLESS |= {"sliding_window"}  # no sequence is longer than a window


def _refuse(mask: Tensor | None, dropout: float, options: dict[str, Any]) -> None:
    """Raise NotPackable for a mask, dropout, soft caps, sinks: options that would be ignored."""
    unsupported = [
        name for name, value in options.items() if name not in _HARMLESS and value is not None
    ]
    if mask is not None or dropout or unsupported:
        raise NotPackable(f"attention with {', '.join(unsupported) or 'a mask'} is not packed")


def _cross(
    rows: list[Tensor],
    out: Tensor,
    groups: tuple[CrossAttention, ...],
    scale: float | None,
    prefix: KeysValues | None,
) -> None:
    query, key, value = rows
    for group in groups:
        queries, keys = group.queries.to(query.device), group.keys.to(key.device)
        seen = [key[keys], value[keys]]
        seen = seen if prefix is None else after_prefix(prefix, seen)
        out[queries] = attention(query[queries], *seen, causal=False, scale=scale)


def configs_of(model: Any) -> list[Any]:
    """Return every configuration in a model that selects an attention function."""
    configs = {id(m.config): m.config for m in model.modules() if hasattr(m, "config")}
    return list(configs.values())


@contextmanager
def packed(configs: Sequence[Any], context: AttentionContext) -> Iterator[None]:
    """While open, models with these configurations attend along the context's tree."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    if NAME not in ALL_ATTENTION_FUNCTIONS:
        ALL_ATTENTION_FUNCTIONS.register(NAME, _forward)
    with _ONE_AT_A_TIME, without_cudnn():  # the configurations are the model's in all threads
        token = _context.set(context)
        try:
            with patched(*configs, _attn_implementation=NAME):
                yield
        finally:
            _context.reset(token)


@contextmanager
def distance_biases(model: nn.Module, longest: int) -> Iterator[None]:
    """While open, T5's layers return biases by distance, (1, head, 1, distance), 0 in the middle.

    They would return one for each pair of tokens of the row, between sequences too. Layers of
    cross-attention, which have no bias, would return as many zeros.
    """
    layers: list[Any] = [m for m in model.modules() if hasattr(m, "compute_bias")]
    none = torch.zeros(1, 1, 1, 1, device=next(model.parameters()).device)
    with ExitStack() as patches:
        for layer in layers:
            is_biased = layer.has_relative_attention_bias
            with torch.no_grad():  # no inference mode: it may be added to what keeps gradients
                table = _by_distance(layer, longest) if is_biased else none
            patches.enter_context(
                patched(
                    layer,
                    compute_bias=lambda *_args, table=table, **_more: table,
                    has_relative_attention_bias=True,
                )
            )
        yield


def _by_distance(layer: Any, longest: int) -> Tensor:
    """Return (1, head, 1, distance) of a layer's biases, by key - query."""
    behind = layer.compute_bias(longest, 1)[:, :, 1:, 0].flip(-1)  # one key, every query
    ahead = layer.compute_bias(1, longest)[:, :, 0]
    return torch.cat([behind, ahead], dim=-1)[:, :, None]
