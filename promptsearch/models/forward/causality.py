"""A trial of causal models: the logits of a prefix must not change with what follows it.

XLNet's plain forward attends to all tokens, and so do XLM's and BERT's where their configuration
does not make them decoders. Read as causal models, they see the answer that they predict.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from promptsearch.errors import ModelError
from promptsearch.models.forward.body_and_head import UNSUPPORTED_ERRORS

LENGTH = 12  # tokens of a trial, half of them the prefix
_TOLERANCE = {torch.float32: 1e-5}  # relative; half precision: 1e-2; of the cache: 100 times


def check_causal(model: Any, tokens: Sequence[int], room: int, spec: str, way_out: str) -> None:
    """Raise ModelError if what follows a prefix changes the logits there.

    Or if the model's cache does: scores are then not those of the model's own generation. `tokens`
    are ordinary ones, `room` is how many a sequence may have.
    """
    prefix = _cycled(tokens, min(LENGTH, room) // 2)
    if not prefix:
        return
    lines = [[*prefix, *ending] for ending in _endings(tokens, prefix)]
    first, second = (_logits(model, line, use_cache=False) for line in lines)
    tolerance = _TOLERANCE.get(model.dtype, 1e-2)
    if not _agree(first[: len(prefix)], second[: len(prefix)], tolerance):
        raise ModelError(
            f"the model {spec!r} ({type(model).__name__}) looks ahead: what stands after a token "
            f"changes what it predicts before it, so it is no causal model; {way_out}"
        )
    if not _agree(first, _with_cache(model, lines[0], first), 100 * tolerance):
        raise ModelError(
            f"the model {spec!r} ({type(model).__name__}) predicts other words with its cache than "
            "without it, so it is not clear which are its own; set use_cache to false in its "
            "config.json to score it without"
        )


def _agree(first: Tensor, second: Tensor, tolerance: float) -> bool:
    scale = 1 + first.abs().max().item()
    return (first - second).abs().max().item() <= tolerance * scale


def _with_cache(model: Any, ids: Sequence[int], without: Tensor) -> Tensor:
    """Return the logits of a pass that fills a cache; `without`, if the model cannot do that."""
    try:
        return _logits(model, ids)
    except UNSUPPORTED_ERRORS:
        return without


def _endings(tokens: Sequence[int], prefix: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    """Return two continuations of equal length that differ everywhere, if there are two tokens."""
    ending = _cycled(tokens, 2 * len(prefix))[len(prefix) :]
    following = dict(zip(tokens, [*tokens[1:], tokens[0]], strict=True))
    return ending, [following[token] for token in ending]


def _cycled(tokens: Sequence[int], count: int) -> list[int]:
    return [tokens[i % len(tokens)] for i in range(count)]


@torch.inference_mode()
def _logits(model: Any, ids: Sequence[int], **options: Any) -> Tensor:
    """Return (token, word), float32, of one sequence."""
    inputs = torch.tensor([list(ids)], device=model.device)
    logits: Tensor = model(input_ids=inputs, **options).logits
    return logits[0].float().nan_to_num()  # NaN is another check's
