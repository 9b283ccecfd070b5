"""Attention along the paths of a forest, in place of a transformers model's own.

transformers lets an attention function be registered by name (its `AttentionInterface`); ours
computes each run of the forest that is being passed, and nothing between sequences. Any model that
calls its attention through the interface, and takes positions, can so read packed sequences.
Whether a model does is found out by trying: see `passes.py`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Any

from torch import Tensor, nn

from promptsearch.models.forward.attention import attention, tree_attention, without_cudnn
from promptsearch.models.forward.attention_context import AttentionContext, CrossAttention
from promptsearch.models.forward.patched import patched

NAME = "promptsearch"


class NotPackable(TypeError):
    """The model asks something of its attention that a forest cannot give."""


_ONE_AT_A_TIME = Lock()
_passing: ContextVar[AttentionContext] = ContextVar("passing")


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
    **more: Any,
) -> tuple[Tensor, None]:
    """transformers' signature: (1, head, token, size) to (1, token, head, size)."""
    _refuse(attention_mask, dropout, more)
    now = _passing.get()
    causal = bool(getattr(module, "is_causal", False) if is_causal is None else is_causal)
    rows = [part[0].transpose(0, 1) for part in (query, key, value)]  # (token, head, size)
    cross = bool(now.across) and not causal
    if now.memory is not None:
        cached = now.memory.across if cross else now.memory.grown
        rows[1:] = cached(module, rows[1], rows[2])
    if cross:
        out = rows[2].new_zeros(*rows[0].shape[:2], rows[2].shape[2])
        _cross(rows, out, now.across, scaling)
        return out[None], None
    out = tree_attention(rows, now.forest, causal=causal, scale=scaling, table=position_bias)
    return out[None], None


_HARMLESS = {"use_cache", "output_attentions", "output_hidden_states", "position_ids", "cache"}
_HARMLESS |= {"position_embeddings", "cache_position", "past_key_values", "encoder_hidden_states"}
_HARMLESS |= {"output_router_logits", "deterministic"}
_HARMLESS |= {"sliding_window"}  # no sequence is longer than a window


def _refuse(mask: Tensor | None, dropout: float, more: dict[str, Any]) -> None:
    """A mask, a window, soft caps, sinks: what we would otherwise leave out in silence."""
    unsupported = [
        name for name, value in more.items() if name not in _HARMLESS and value is not None
    ]
    if mask is not None or dropout or unsupported:
        raise NotPackable(f"attention with {', '.join(unsupported) or 'a mask'} is not packed")


def _cross(
    rows: list[Tensor], out: Tensor, across: tuple[CrossAttention, ...], scale: float | None
) -> None:
    query, key, value = rows
    for group in across:
        queries, keys = group.queries.to(query.device), group.keys.to(key.device)
        parts = query[queries], key[keys], value[keys]
        out[queries] = attention(*parts, causal=False, scale=scale)


def configs_of(model: Any) -> list[Any]:
    """Every configuration in a model that says how it attends."""
    configs = {id(m.config): m.config for m in model.modules() if hasattr(m, "config")}
    return list(configs.values())


@contextmanager
def packed(configs: Sequence[Any], passing: AttentionContext) -> Iterator[None]:
    """While open, attention of the model with these configurations is ours: along `passing`."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    if NAME not in ALL_ATTENTION_FUNCTIONS:
        ALL_ATTENTION_FUNCTIONS.register(NAME, _forward)
    with _ONE_AT_A_TIME, without_cudnn():  # the configurations are the model's in all threads
        token = _passing.set(passing)
        try:
            with patched(*configs, _attn_implementation=NAME):
                yield
        finally:
            _passing.reset(token)
