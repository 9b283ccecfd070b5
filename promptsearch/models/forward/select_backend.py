"""Selection of backends for a model: a fast one is used if its outputs match the plain one's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic

import torch
from torch import Tensor, nn

from promptsearch.models.forward.attention_patch import configs_of
from promptsearch.models.forward.backends import (
    ForwardBackend,
    FusedForward,
    PackedForward,
    PaddedForward,
    Positions,
    Sequences,
)
from promptsearch.models.forward.body_and_head import UNSUPPORTED_ERRORS, BodyAndHead
from promptsearch.models.forward.fused_bert import FusedEncoder
from promptsearch.models.forward.runtime import Backend, reserved
from promptsearch.models.forward.token_types import token_types

_TOLERANCE = {torch.float32: 2e-5}  # relative to the log-probabilities; half precision: 2e-2
_TANH_GELUS = ("NewGELUActivation", "FastGELUActivation")  # transformers' names


@dataclass(frozen=True, eq=False)
class Backends(Generic[Backend]):
    """The backends that fit one model."""

    plain: Backend
    fast: Backend | None  # has the outputs of the plain one
    vocabulary: int
    in_dtype: Callable[[torch.dtype], Backend | None] | None = None  # creates `fast` in a dtype
    # Creates a fast backend that records gradients; if None, `fast` records them.
    gradient_backend: Callable[[], Backend | None] | None = None


@dataclass(frozen=True)
class ProbeSequences:
    """Sequences on which a fast backend must give the outputs of the plain one."""

    sequences: Sequences
    positions: Positions
    roots: Sequence[int]

    @classmethod
    def of(cls, tokens: Sequence[int], longest: int) -> "ProbeSequences":
        """Return sequences of different and equal lengths, with common prefixes."""
        base = [tokens[i % len(tokens)] for i in range(7, 7 + min(longest, 23))]
        backwards = base[::-1]
        sequences = [
            base[:5],
            base[:9],
            [*base[:9], *backwards[:3]],
            backwards[:9],
            base,
            backwards[:5],
            base[:1],
        ]
        positions = [sorted({0, len(sequence) // 2, len(sequence) - 1}) for sequence in sequences]
        return cls(sequences, positions, [0] * len(sequences))

    def beginning_with(self, token: int) -> "ProbeSequences":
        """Return these sequences, and one more that begins with a token.

        It may be the one that the model takes for padding, which gets no position of its own.
        """
        sequence = [token, *self.sequences[0][:-1]]
        sequences = [*self.sequences, sequence]
        positions = [*self.positions, [*range(len(sequence))]]
        return ProbeSequences(sequences, positions, [0] * len(sequences))


def outputs_match(
    backend: ForwardBackend,
    plain: ForwardBackend,
    probe_sequences: ProbeSequences,
    dtype: torch.dtype,
) -> bool:
    """Return True if the backend gives the log-probabilities of the plain one."""
    try:
        actual = _log_probs(backend, probe_sequences)
    except UNSUPPORTED_ERRORS:
        return False
    expected = _log_probs(plain, probe_sequences)
    if actual.shape != expected.shape:
        return False
    scale = 1 + expected.abs().max().item()
    return (actual - expected).abs().max().item() <= _TOLERANCE.get(dtype, 2e-2) * scale


def without_leaky_padding(
    plain: PaddedForward, probe_sequences: ProbeSequences, dtype: torch.dtype
) -> PaddedForward:
    """Return the backend, without padding if padding changes its outputs (convolutions).

    Raises one of `UNSUPPORTED_ERRORS` if the model does not run at all, in this dtype for instance.
    """
    unpadded = replace(plain, padded=False)
    if outputs_match(plain, unpadded, probe_sequences, dtype):
        return plain
    _log_probs(unpadded, probe_sequences)
    return unpadded


def _log_probs(backend: ForwardBackend, probe_sequences: ProbeSequences) -> Tensor:
    """Return (read, word)."""
    with torch.inference_mode():
        hidden = backend.hidden_states(
            probe_sequences.sequences, probe_sequences.positions, probe_sequences.roots
        )
        logits = backend.logits(hidden.states)[torch.from_numpy(hidden.positions)]
        return logits.log_softmax(-1).cpu()


def masked_backends(
    model: Any, probe_sequences: ProbeSequences, mask: int
) -> Backends[ForwardBackend]:
    """Return the backends that fit a masked model."""
    sample = {"input_ids": torch.tensor([[mask, mask, 0]], device=model.device)}
    outputs = BodyAndHead(model, _bodies(model), sample)
    plain = without_leaky_padding(
        PaddedForward(outputs, masked_inputs, model.device), probe_sequences, model.dtype
    )

    def in_dtype(dtype: torch.dtype) -> ForwardBackend | None:
        return _if_equivalent(
            lambda: _fused(model, outputs.vocabulary, dtype), plain, probe_sequences, dtype
        )

    def packed() -> ForwardBackend | None:
        return _if_equivalent(
            lambda: _packed(model, outputs, shares_prefixes=False),
            plain,
            probe_sequences,
            model.dtype,
        )

    if (fused := in_dtype(model.dtype)) is not None:
        return Backends(plain, fused, outputs.vocabulary, in_dtype, packed)
    return Backends(plain, packed(), outputs.vocabulary)


def causal_backends(model: Any, probe_sequences: ProbeSequences) -> Backends[ForwardBackend]:
    """Return the backends that fit a causal model."""
    sample = {"input_ids": torch.tensor([[0, 1, 2]], device=model.device), "use_cache": False}
    outputs = BodyAndHead(model, _bodies(model), sample)
    plain = without_leaky_padding(
        PaddedForward(outputs, causal_inputs, model.device), probe_sequences, model.dtype
    )
    fast = _if_equivalent(
        lambda: _packed(model, outputs, shares_prefixes=True), plain, probe_sequences, model.dtype
    )
    return Backends(plain, fast, outputs.vocabulary)


def _bodies(model: Any) -> list[Any]:
    """Return the modules that may be the model without its head."""
    decoder = model.get_decoder() if hasattr(model, "get_decoder") else None
    return [model.base_model, *([decoder] if isinstance(decoder, nn.Module) else [])]


def _fused(model: Any, vocabulary: int, dtype: torch.dtype) -> FusedForward:
    """Return our forward of a BERT-like model; raise one of UNSUPPORTED_ERRORS for other models."""
    with torch.no_grad():
        return FusedForward(
            FusedEncoder.of(model, reserved(model), dtype), vocabulary, model.device
        )


def _packed(model: Any, outputs: BodyAndHead, *, shares_prefixes: bool) -> PackedForward:
    first = reserved(model)

    def inputs(ids: Tensor, depths: Tensor, types: Tensor | None) -> dict[str, Any]:
        second = {} if types is None else token_types(model, types)
        return {"input_ids": ids, "position_ids": depths + first, **second}

    gelus = [m for m in model.modules() if type(m).__name__ in _TANH_GELUS]
    return PackedForward(outputs, configs_of(model), gelus, inputs, shares_prefixes, model.device)


def _if_equivalent(
    make: Callable[[], ForwardBackend],
    plain: ForwardBackend,
    probe_sequences: ProbeSequences,
    dtype: torch.dtype,
) -> ForwardBackend | None:
    """Return the backend if the model supports it and its outputs match the plain one's."""
    try:
        backend = make()
    except UNSUPPORTED_ERRORS:
        return None
    return backend if outputs_match(backend, plain, probe_sequences, dtype) else None


def masked_inputs(ids: Tensor, lengths: Tensor, _roots: Tensor | None = None) -> dict[str, Any]:
    """Return a batch for a bidirectional body; without padding it needs no mask."""
    if bool((lengths == ids.shape[1]).all()):
        return {"input_ids": ids}
    present = torch.arange(ids.shape[1], device=ids.device) < lengths[:, None]  # (sequence, token)
    return {"input_ids": ids, "attention_mask": present.long()}


def causal_inputs(ids: Tensor, _lengths: Tensor, _roots: Tensor) -> dict[str, Any]:
    """Return a batch for a causal body: padding on the right is hidden from all before it."""
    return {"input_ids": ids, "use_cache": False}
