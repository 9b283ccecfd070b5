"""Prefixes: keys and values that every token reads, at the layers that have them, before the text.

A prefix stands there by an attention function of our own, which transformers calls for a pass.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from promptsearch.formats.python.runtime.prompt import PrefixPart
from promptsearch.formats.python.runtime.soft import VectorsError, load_vectors

# The number of the first token's position: RoBERTa counts from 2.
FIRST_POSITION: int = 0
ATTENTION = "behind_prefix"  # transformers' name of the attention function


@dataclass(frozen=True)
class PrefixPass:
    """A pass of one stack of layers behind a prefix; layers are told apart by their order."""

    prefix: PrefixPart
    stack: str  # "self", or "encoder" or "decoder"
    calls: Counter[str] = field(default_factory=Counter)

    def before(self, cross: bool) -> Tensor | None:
        """Return (key | value, head, position, size) of the next layer, if it has some."""
        attention = "cross" if cross else self.stack
        layer = self.calls[attention]
        self.calls[attention] += 1
        if layer not in self.prefix.layers:
            return None
        return load_vectors()[self.prefix.tensors[attention]][self.prefix.layers.index(layer)]

    def check_read(self) -> None:
        """Raise VectorsError if the pass did not ask for the keys and values of all layers."""
        if (count := self.calls[self.stack]) <= max(self.prefix.layers):
            raise VectorsError(
                f"the prefix stands at layer {max(self.prefix.layers) + 1}, but {count} layers of "
                "the model read one; give the --model that it was trained for, or install the "
                "newest transformers"
            )


_passes: list[PrefixPass] = []  # the one that runs


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _mask: Tensor | None,
    scaling: float | None = None,
    is_causal: bool | None = None,
    position_bias: Tensor | None = None,
    sliding_window: int | None = None,
    **_options: Any,
) -> tuple[Tensor, None]:
    """Return (1, token, head, size) of queries, keys and values, (1, head, token, size) each.

    It is what transformers' own attention gives where keys and values of the prefix are in front.
    """
    causal = bool(getattr(module, "is_causal", False) if is_causal is None else is_causal)
    cross = _passes[-1].stack == "decoder" and not causal
    if sliding_window is not None and key.shape[2] > sliding_window // 2:
        raise ValueError(f"the text has {key.shape[2]} tokens, more than layers see; shorten it")
    if (before := _passes[-1].before(cross)) is not None:
        key, value = joined(before, key, value)
    groups, queries, keys = query.shape[1] // key.shape[1], query.shape[2], key.shape[2]
    key, value = (each.repeat_interleave(groups, 1) for each in (key, value))
    mask = torch.zeros(queries, keys)
    if causal:
        mask += torch.full((queries, keys), -torch.inf).triu(keys - queries + 1)
    if position_bias is not None and not cross:
        mask = mask + position_bias[..., -keys:]
    out = scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scaling)
    return out.transpose(1, 2), None


def joined(before: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    """Return keys and values behind those of a layer. Raise VectorsError for another model's."""
    _, heads, _, size = before.shape
    if (heads, size) != (key.shape[1], key.shape[3]):
        raise VectorsError(
            f"the prefix has {heads} heads of {size} numbers, but the model {key.shape[1]} of "
            f"{key.shape[3]}; give the --model that it was trained for"
        )
    return torch.cat([before[None, 0], key], 2), torch.cat([before[None, 1], value], 2)


@contextmanager
def behind(network: Any, prefix: PrefixPart | None, stack: str = "self") -> Iterator[None]:
    """While open, what passes a stack of the network stands behind the prefix."""
    if prefix is None:
        yield
        return
    from transformers import AttentionInterface

    AttentionInterface.register(ATTENTION, attend)
    modules = list(network.modules())
    configs = [module.config for module in modules if hasattr(module, "config")]
    implementations = [config._attn_implementation for config in configs]
    biased = [m for m in modules if getattr(m, "has_relative_attention_bias", False)]
    _passes.append(PrefixPass(prefix, stack))
    for config in configs:
        config._attn_implementation = ATTENTION
    for module in biased:
        module.compute_bias = partial(longer_bias, module.compute_bias, prefix.length)
    try:
        yield
        _passes[-1].check_read()
    finally:
        _passes.pop()
        for config, implementation in zip(configs, implementations, strict=True):
            config._attn_implementation = implementation
        for module in biased:
            del module.compute_bias  # the class has it


def longer_bias(bias: Any, length: int, queries: int, keys: int, **options: Any) -> Tensor:
    """Return T5's biases by distance, (1, head, query, key), of keys with a prefix before them."""
    longer: Tensor = bias(length + queries, length + keys, **options)
    return longer[:, :, length:]


def positions(prefix: PrefixPart | None, ids: Tensor) -> dict[str, Tensor]:
    """Return what a network needs to know of the positions of (1, token) ids behind a prefix."""
    if prefix is None:
        return {}
    return {"position_ids": (torch.arange(ids.shape[1]) + FIRST_POSITION + prefix.length)[None]}
