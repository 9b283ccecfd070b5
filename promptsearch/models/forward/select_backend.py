"""Which way of passing sequences fits a model: ours where they give what the plain one gives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic

import torch
from torch import Tensor, nn

from promptsearch.models.forward.attention_patch import configs_of
from promptsearch.models.forward.backends import (
    FusedForward,
    PackedForward,
    ForwardBackend,
    PaddedForward,
)
from promptsearch.models.forward.body_and_head import UNSUPPORTED_ERRORS, BodyAndHead
from promptsearch.models.forward.equivalence_check import (
    ProbeSequences,
    outputs_match,
    without_leaky_padding,
)
from promptsearch.models.forward.fused_bert import FusedEncoder
from promptsearch.models.forward.position_limits import UNLIMITED, reserved
from promptsearch.models.forward.runtime import Backend

_TANH_GELUS = ("NewGELUActivation", "FastGELUActivation")  # transformers' names


@dataclass(frozen=True, eq=False)
class Backends(Generic[Backend]):
    """The ways through one model."""

    plain: Backend
    fast: Backend | None  # gives what the plain one gives
    vocabulary: int
    in_dtype: Callable[[torch.dtype], Backend | None] | None = None  # the fast one, where it fits
    gradient_backend: Callable[[], Backend | None] | None = (
        None  # makes one that keeps gradients; None: `fast`
    )


def masked_backends(model: Any, trial: ProbeSequences, mask: int) -> Backends[ForwardBackend]:
    """Ways through a masked model."""
    sample = {"input_ids": torch.tensor([[mask, mask, 0]], device=model.device)}
    outputs = BodyAndHead(model, _bodies(model), sample)
    plain = without_leaky_padding(
        PaddedForward(outputs, masked_inputs, model.device), trial, model.dtype
    )

    def in_dtype(dtype: torch.dtype) -> ForwardBackend | None:
        return _fitting(lambda: _fused(model, outputs.vocabulary, dtype), plain, trial, dtype)

    def in_one_row() -> ForwardBackend | None:
        return _fitting(lambda: _packed(model, outputs, shared=False), plain, trial, model.dtype)

    if (fused := in_dtype(model.dtype)) is not None:
        return Backends(plain, fused, outputs.vocabulary, in_dtype, in_one_row)
    return Backends(plain, in_one_row(), outputs.vocabulary)


def causal_backends(model: Any, trial: ProbeSequences) -> Backends[ForwardBackend]:
    """Ways through a causal model."""
    sample = {"input_ids": torch.tensor([[0, 1, 2]], device=model.device), "use_cache": False}
    outputs = BodyAndHead(model, _bodies(model), sample)
    plain = without_leaky_padding(
        PaddedForward(outputs, causal_inputs, model.device), trial, model.dtype
    )
    fast = _fitting(lambda: _packed(model, outputs, shared=True), plain, trial, model.dtype)
    return Backends(plain, fast, outputs.vocabulary)


def _bodies(model: Any) -> list[Any]:
    """What may be the model without its head."""
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else None
    return [model.base_model, *([decoder] if isinstance(decoder, nn.Module) else [])]


def _fused(model: Any, vocabulary: int, dtype: torch.dtype) -> FusedForward:
    """A BERT-like model's forward pass of our own; raises one of `UNFIT` where it is no such."""
    with torch.no_grad():
        return FusedForward(
            FusedEncoder.of(model, reserved(model), dtype), vocabulary, model.device
        )


def _packed(model: Any, outputs: BodyAndHead, *, shared: bool) -> PackedForward:
    first = reserved(model)

    def inputs(ids: Tensor, depths: Tensor) -> dict[str, Any]:
        return {"input_ids": ids, "position_ids": depths + first}

    gelus = [m for m in model.modules() if type(m).__name__ in _TANH_GELUS]
    return PackedForward(outputs, configs_of(model), gelus, inputs, shared, model.device)


def _fitting(
    make: Callable[[], ForwardBackend],
    plain: ForwardBackend,
    trial: ProbeSequences,
    dtype: torch.dtype,
) -> ForwardBackend | None:
    """The way, if the model is built as it takes for granted and it gives what the plain gives."""
    try:
        way = make()
    except UNSUPPORTED_ERRORS:
        return None
    return way if outputs_match(way, plain, trial, dtype) else None


def masked_inputs(ids: Tensor, lengths: Tensor, _roots: Tensor | None = None) -> dict[str, Any]:
    """A batch for a bidirectional body; without padding it needs no mask."""
    if bool((lengths == ids.shape[1]).all()):
        return {"input_ids": ids}
    present = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]  # (cell, token)
    return {"input_ids": ids, "attention_mask": present.long()}


def causal_inputs(ids: Tensor, _lengths: Tensor, _roots: Tensor) -> dict[str, Any]:
    """Padding stands on the right, where nothing before can see it."""
    return {"input_ids": ids, "use_cache": False}


def window_of(model: Any) -> int:
    """The longest sequence in which every token sees all that its model lets it see.

    Models with local attention tell their windows in their configuration; beyond them, attention
    is theirs alone.
    """
    config = model.config.get_text_config()
    names = ("sliding_window", "local_attention", "attention_window", "attention_chunk_size")
    windows_in_config = [getattr(config, name, None) for name in names]
    flat = [w for g in windows_in_config for w in (g if isinstance(g, list | tuple) else [g])]
    windows = [width // 2 for width in flat if isinstance(width, int) and width > 0]
    return min(windows, default=UNLIMITED)
