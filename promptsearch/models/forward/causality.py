"""A trial of causal models and decoders: what follows a prefix must not change its logits.

XLNet's plain forward attends to all tokens, and so do XLM's and BERT's where their configuration
does not make them decoders. Read as causal models, they see the answer that they predict.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    _check(_Trial(model, tokens, room, lambda ids: {"input_ids": ids}), spec, way_out)


def check_decoder(
    model: Any, source: Sequence[int], start: int, tokens: Sequence[int], room: int, spec: str
) -> None:
    """Raise ModelError if a decoder's logits after a prefix change with what follows it.

    FSMT's do where its encoder's states are given, and a BERT's whose configuration does not make
    it a decoder. `source` is a text for the encoder, `start` the decoder's first token.
    """
    text = torch.tensor([list(source)], device=model.device)
    with torch.inference_mode():
        encoded = model.get_encoder()(input_ids=text)

    def inputs(ids: Tensor) -> dict[str, Any]:
        return {"encoder_outputs": encoded, "decoder_input_ids": ids}

    _check(_Trial(model, tokens, room, inputs, (start,)), spec, "use another model")


@dataclass(frozen=True)
class _Trial:
    """Sequences of ordinary tokens after `start`, and how the model is given their ids."""

    model: Any
    tokens: Sequence[int]
    room: int
    inputs: Callable[[Tensor], dict[str, Any]]
    start: tuple[int, ...] = ()

    @property
    def prefix(self) -> list[int]:
        ordinary = min(LENGTH, self.room) // 2 - len(self.start)
        return [*self.start, *_cycled(self.tokens, ordinary)] if ordinary > 0 else []

    @torch.inference_mode()
    def logits(self, ids: Sequence[int], **options: Any) -> Tensor:
        """Return (token, word), float32, of one sequence."""
        inputs = self.inputs(torch.tensor([list(ids)], device=self.model.device))
        logits: Tensor = self.model(**inputs, **options).logits
        return logits[0].float().nan_to_num()  # NaN is another check's

    def with_cache(self, ids: Sequence[int], without: Tensor) -> Tensor:
        """Return the logits of a pass that fills a cache; `without`, if the model has none."""
        try:
            return self.logits(ids)
        except UNSUPPORTED_ERRORS:
            return without


def _check(trial: _Trial, spec: str, way_out: str) -> None:
    model, prefix = trial.model, trial.prefix
    if not prefix:
        return
    lines = [[*prefix, *ending] for ending in _endings(trial.tokens, len(prefix))]
    first, second = (trial.logits(line, use_cache=False) for line in lines)
    alone = trial.logits(prefix, use_cache=False)
    tolerance = _TOLERANCE.get(model.dtype, 1e-2)
    longer = first[: len(prefix)]
    if not (
        _agree(longer, second[: len(prefix)], tolerance) and _agree(longer, alone, 100 * tolerance)
    ):
        raise ModelError(
            f"the model {spec!r} ({type(model).__name__}) looks ahead: what stands after a token "
            f"changes what it predicts before it, so it is no causal model; {way_out}"
        )
    if not _agree(first, trial.with_cache(lines[0], first), 100 * tolerance):
        raise ModelError(
            f"the model {spec!r} ({type(model).__name__}) predicts other words with its cache than "
            "without it, so it is not clear which are its own; set use_cache to false in its "
            "config.json to score it without"
        )


def _agree(first: Tensor, second: Tensor, tolerance: float) -> bool:
    if first.shape != second.shape:
        return False
    scale = 1 + first.abs().max().item()
    return (first - second).abs().max().item() <= tolerance * scale


def _endings(tokens: Sequence[int], count: int) -> tuple[Sequence[int], Sequence[int]]:
    """Return two continuations of equal length that differ everywhere, if there are two tokens."""
    ending = _cycled(tokens, 2 * count)[count:]
    following = dict(zip(tokens, [*tokens[1:], tokens[0]], strict=True))
    return ending, [following[token] for token in ending]


def _cycled(tokens: Sequence[int], count: int) -> list[int]:
    return [tokens[i % len(tokens)] for i in range(count)]
