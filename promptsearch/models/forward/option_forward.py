"""Forward passes of sequences with options, and the trial that a model can read them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import torch
from torch import Tensor

from promptsearch.errors import ModelError
from promptsearch.models.batching.option_layout import OptionLayout, OptionTokens
from promptsearch.models.forward.backends import (
    ForwardBackend,
    FusedForward,
    PackedForward,
    PaddedForward,
)
from promptsearch.models.forward.body_and_head import UNSUPPORTED_ERRORS
from promptsearch.models.forward.runtime import Backend, ModelRuntime, reserved
from promptsearch.models.forward.token_types import token_types

TRIAL = 1e-3  # of logits, relative to the largest: float32; half precision: 3e-2


def with_options(backend: Backend, tokens: OptionTokens, model: Any) -> Backend:
    """Return the backend for sequences with options."""
    if isinstance(backend, PaddedForward):
        return cast(Backend, replace(backend, inputs=_padded_inputs(tokens, model)))
    assert isinstance(backend, FusedForward | PackedForward), "only masked models have options"
    return cast(Backend, replace(backend, options=tokens))


def _padded_inputs(tokens: OptionTokens, model: Any) -> Any:
    """Return what makes a batch of sequences from their ids and lengths."""

    def inputs(ids: Tensor, lengths: Tensor, _roots: Tensor | None = None) -> dict[str, Any]:
        pairs = zip(ids.tolist(), lengths.tolist(), strict=True)
        return option_inputs(ids, [tokens.layout(row[:length]) for row, length in pairs], model)

    return inputs


def option_inputs(ids: Tensor, layouts: Sequence[OptionLayout], model: Any) -> dict[str, Any]:
    """Return a batch (sequence, token) for transformers' own forward."""
    positions, types = torch.zeros_like(ids), torch.zeros_like(ids)
    for row, layout in enumerate(layouts):
        positions[row, : layout.length] = torch.from_numpy(layout.positions).to(ids.device)
        types[row, : layout.length] = torch.from_numpy(layout.types).to(ids.device)
    return {
        "input_ids": ids,
        "position_ids": positions + reserved(model),
        "attention_mask": additive_mask(layouts, ids.shape[1]).to(ids.device, model.dtype),
        **token_types(model, types),
    }


def additive_mask(layouts: Sequence[OptionLayout], width: int) -> Tensor:
    """Return (sequence, 1, query, key), float32, which is added to scores: 0; -1e4 as published.

    Tokens of the padding see everything, so that no row is without a key. A boolean mask is taken
    by transformers' eager attention without a word, and is wrong there.
    """
    seen = torch.ones(len(layouts), 1, width, width, dtype=torch.bool)
    for row, layout in enumerate(layouts):
        length = layout.length
        seen[row, 0, :length, :length] = torch.from_numpy(layout.visible)
        seen[row, 0, :length, length:] = False
    return torch.zeros(seen.shape).masked_fill(~seen, -1e4)


def option_runtime(runtime: ModelRuntime[Backend]) -> ModelRuntime[Backend]:
    """Return the runtime for sequences with options: without its fast backend if that fails.

    Raises ModelError if the model cannot read them.
    """
    tokens = option_tokens(runtime)
    plain_error = _trial(runtime, runtime.plain, tokens)
    if plain_error is not None:
        raise ModelError(
            f"{runtime.info.spec!r} cannot read options that are blind to one another "
            f"({plain_error}); use a BERT, RoBERTa or ALBERT, or a template with [Z]"
        )
    if runtime.fast is None or _trial(runtime, runtime.fast, tokens) is None:
        return runtime
    limits = replace(runtime.batch_limits, packed=False, shares_prefixes=False)
    return replace(runtime, fast=None, batch_limits=limits, gradient_backend=None)


def option_tokens(runtime: ModelRuntime[Any]) -> OptionTokens:
    """Return the model's tokens that lay options out. Raises ModelError if it lacks one."""
    spec = runtime.info.spec
    if runtime.info.family != "masked":
        raise ModelError(
            f"{spec!r} is {runtime.info.family}, and options are read by masked models only; use "
            "`model` builtin or another masked one, or a template with [Z]"
        )
    separator = runtime.tokenizer.sep_token_id
    if separator is None:
        raise ModelError(f"the tokenizer of {spec!r} has no separator, which ends the options")
    mask = int(runtime.tokenizer.mask_token_id)
    return OptionTokens(mask, int(separator), *runtime.option_form)


def _trial(runtime: ModelRuntime[Any], backend: Any, tokens: OptionTokens) -> str | None:
    """Return what is wrong with the backend's options; None if it reads them.

    Two orders of three options of unlike lengths must give the same logits at their masks, and
    others than where options see one another.
    """
    try:
        first, second = _logits(runtime, backend, tokens)
        seeing, _ = _logits(runtime, backend, replace(tokens, blocks=not tokens.blocks))
    except UNSUPPORTED_ERRORS:
        return "its attention or its positions cannot be set"
    if torch.equal(first, seeing):
        return "its attention cannot be set"
    if not (tokens.blocks and tokens.restart):
        return None  # an ablation, in which the order matters
    near = TRIAL if runtime.info.dtype == "float32" else 30 * TRIAL
    scale = 1 + first.abs().max().item()
    gap = (first - second.flip(0)).abs().max().item() / scale
    return None if gap <= near else "their scores depend on their order"


def _logits(
    runtime: ModelRuntime[Any], backend: Any, tokens: OptionTokens
) -> tuple[Tensor, Tensor]:
    """Return (option, word) of two sequences, whose options stand in opposite orders."""
    sequences, positions = _two_orders(runtime, tokens)
    forward: ForwardBackend = with_options(backend, tokens, runtime.model)
    with torch.inference_mode():
        hidden = forward.hidden_states(sequences, positions, [0, 0])
        logits = forward.logits(hidden.states)[torch.from_numpy(hidden.positions)]
    first, second = logits.unflatten(0, (2, 3)).cpu()
    return first, second


def _two_orders(
    runtime: ModelRuntime[Any], tokens: OptionTokens
) -> tuple[list[list[int]], list[list[int]]]:
    """Return two sequences, whose options stand in opposite orders, and their masks' positions."""
    frame = runtime.tokens.encode([(tokens.separator, "a the in of", tokens.separator)])[0]
    begin = frame.index(tokens.separator)
    words = [token for token in frame[begin + 1 :] if token != tokens.separator] or [0]
    options = [[tokens.mask, *(words * 3)[:size]] for size in (1, 3, 2)]
    sequences = [
        [*frame[:begin], *(t for option in order for t in option), *frame[begin:]]
        for order in (options, options[::-1])
    ]
    masks = [[i for i, token in enumerate(ids) if token == tokens.mask] for ids in sequences]
    return sequences, masks
