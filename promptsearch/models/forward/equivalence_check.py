"""Trials at loading: a way of passing must give what the plain one gives, or it is not used."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from promptsearch.models.forward.backends import Sequences, ForwardBackend, Positions, PaddedForward
from promptsearch.models.forward.body_and_head import UNSUPPORTED_ERRORS

_TOLERANCE = {torch.float32: 2e-5}  # relative to the log-probabilities; half precision: 2e-2


@dataclass(frozen=True)
class ProbeSequences:
    """Sequences on which a way of passing must give what the plain one gives."""

    lines: Sequences
    positions: Positions
    roots: Sequence[int]

    @classmethod
    def of(cls, tokens: Sequence[int], longest: int) -> "ProbeSequences":
        """Made of some of the vocabulary: different lengths, equal ones, common beginnings."""
        base = [tokens[i % len(tokens)] for i in range(7, 7 + min(longest, 23))]
        backwards = base[::-1]
        lines = [
            base[:5],
            base[:9],
            [*base[:9], *backwards[:3]],
            backwards[:9],
            base,
            backwards[:5],
            base[:1],
        ]
        positions = [sorted({0, len(line) // 2, len(line) - 1}) for line in lines]
        return cls(lines, positions, [0] * len(lines))


def outputs_match(
    backend: ForwardBackend, plain: ForwardBackend, trial: ProbeSequences, dtype: torch.dtype
) -> bool:
    """Whether `way` gives the log-probabilities that the plain passes give."""
    try:
        actual = _log_probs(backend, trial)
    except UNSUPPORTED_ERRORS:
        return False
    expected = _log_probs(plain, trial)
    if actual.shape != expected.shape:
        return False
    scale = 1 + expected.abs().max().item()
    return (actual - expected).abs().max().item() <= _TOLERANCE.get(dtype, 2e-2) * scale


def without_leaky_padding(
    plain: PaddedForward, trial: ProbeSequences, dtype: torch.dtype
) -> PaddedForward:
    """The same; without padding, where padding changes what the model says (convolutions).

    Raises one of `UNFIT` where the model does not run at all, in this dtype for instance.
    """
    apart = replace(plain, padded=False)
    if outputs_match(plain, apart, trial, dtype):
        return plain
    _log_probs(apart, trial)
    return apart


def _log_probs(way: ForwardBackend, trial: ProbeSequences) -> Tensor:
    """(read, word)"""
    with torch.inference_mode():
        reached = way.hidden_states(trial.lines, trial.positions, trial.roots)
        logits = way.logits(reached.states)[torch.from_numpy(reached.positions)]
        return logits.log_softmax(-1).cpu()
