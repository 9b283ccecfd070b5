"""A trial of causal models: the logits of a prefix must not change with what follows it.

XLNet's plain forward attends to all tokens, and so do XLM's and BERT's where their configuration
does not make them decoders. Read as causal models, they see the answer that they predict.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from promptsearch.errors import ModelError

LENGTH = 12  # tokens of a trial, half of them the prefix
_TOLERANCE = {torch.float32: 1e-5}  # relative; half precision: 1e-2


def check_causal(model: Any, tokens: Sequence[int], room: int, spec: str, way_out: str) -> None:
    """Raise ModelError if what follows a prefix changes the logits there.

    `tokens` are ordinary ones, `room` is how many a sequence may have.
    """
    prefix = _cycled(tokens, min(LENGTH, room) // 2)
    first, second = (_logits(model, [*prefix, *ending]) for ending in _endings(tokens, prefix))
    scale = 1 + first.abs().max().item()
    change = (first[: len(prefix)] - second[: len(prefix)]).abs().max().item()
    if prefix and change > _TOLERANCE.get(model.dtype, 1e-2) * scale:
        raise ModelError(
            f"the model {spec!r} ({type(model).__name__}) looks ahead: what stands after a token "
            f"changes what it predicts before it, so it is no causal model; {way_out}"
        )


def _endings(tokens: Sequence[int], prefix: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """Return two continuations of equal length that differ everywhere, if there are two tokens."""
    ending = _cycled(tokens, 2 * len(prefix))[len(prefix) :]
    following = dict(zip(tokens, [*tokens[1:], tokens[0]], strict=True))
    return ending, [following[token] for token in ending]


def _cycled(tokens: Sequence[int], count: int) -> list[int]:
    return [tokens[i % len(tokens)] for i in range(count)]


@torch.inference_mode()
def _logits(model: Any, ids: Sequence[int]) -> Tensor:
    """Return (token, word), float32, of one sequence."""
    inputs = torch.tensor([list(ids)], device=model.device)
    logits: Tensor = model(input_ids=inputs, use_cache=False).logits
    return logits[0].float()
