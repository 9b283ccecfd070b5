"""The two parts of a model: the body up to its hidden states, and the head from there to words."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from promptsearch.models.forward.patched import patched

# What a model raises whose build differs from what the fast backends assume.
UNSUPPORTED_ERRORS = (
    RuntimeError,
    ValueError,
    TypeError,
    IndexError,
    LookupError,
    AttributeError,
    AssertionError,
    ImportError,
)


class OutputHead(Protocol):
    """The point where a forward pass ends, and the logits from there."""

    @property
    def vocabulary(self) -> int: ...

    def states(self, inputs: dict[str, Any]) -> Tensor:
        """Return (sequence, token, hidden)."""
        ...

    def logits(self, states: Tensor) -> Tensor:
        """Return (position, word), in float32, from (position, hidden)."""
        ...


class NanOutputsError(Exception):
    """The model's outputs are no numbers."""


class BodyAndHead:
    """A model's body and head, each run without the other.

    The model's own code runs: a hook ends it after the body, and a body that returns given states
    leaves the head alone with them. If a small check at the start shows that the parts are not the
    whole, the head runs at all positions. Gradients are recorded if the caller's mode records them.
    Raise NanOutputsError if the model's outputs are no numbers.
    """

    def __init__(self, model: Any, bodies: Sequence[nn.Module], sample: dict[str, Any]) -> None:
        self._model = model
        self._body: nn.Module | None = None
        self._sample = sample
        self._sample_output: Any = None  # the body's output for the sample
        with torch.inference_mode():
            whole = self._run_whole(sample)
            if whole.isnan().any():
                raise NanOutputsError
            usable = (b for b in bodies if b is not model and self._halves_match(b, whole))
            self._body = next(usable, None)
        self.vocabulary: int = whole.shape[-1]

    @property
    def separate(self) -> bool:
        """True if the head runs at the positions that are read only."""
        return self._body is not None

    def states(self, inputs: dict[str, Any]) -> Tensor:
        """Return hidden states (sequence, token, hidden); the logits if not separate."""
        _check_mask(inputs)
        return (
            self._run_whole(inputs) if self._body is None else self._run_body(self._body, inputs)[0]
        )

    def logits(self, states: Tensor) -> Tensor:
        """Return (position, word), in float32, from (position, hidden)."""
        if self._body is None:
            return states.float()
        return self._run_head(self._body, states)

    def _run_head(self, body: nn.Module, states: Tensor) -> Tensor:
        output = with_states(self._sample_output, states.unsqueeze(1))
        with patched(body, forward=lambda *_args, **_more: output):
            logits: Tensor = self._model(**self._sample).logits
        return logits[:, 0].float()

    def _run_whole(self, inputs: dict[str, Any]) -> Tensor:
        logits: Tensor = self._model(**inputs).logits
        return logits

    def _run_body(self, body: nn.Module, inputs: dict[str, Any]) -> Any:
        """Return the body's output."""
        return run_until(
            self._model,
            inputs,
            lambda stop: body.register_forward_hook(lambda _module, _inputs, output: stop(output)),
        )

    def _halves_match(self, body: nn.Module, whole: Tensor) -> bool:
        try:
            self._sample_output = self._run_body(body, self._sample)
            logits = self._run_head(body, self._sample_output[0][0])
        except UNSUPPORTED_ERRORS:
            return False  # a head that needs more than hidden states: the plain path serves it
        expected = whole[0].float()
        near = 1e-4 if whole.dtype == torch.float32 else 1e-2
        return logits.shape == expected.shape and torch.allclose(logits, expected, near, near)


def _check_mask(inputs: dict[str, Any]) -> None:
    """Raise ValueError for a mask that transformers 5 does not read as it stands.

    A float mask (sequence, token, token) raises far inside; a boolean one (sequence, head, token,
    token) is added to the scores by eager attention, which is wrong without a word.
    """
    mask = inputs.get("attention_mask")
    if mask is not None and (mask.dim(), mask.is_floating_point()) not in ((2, False), (4, True)):
        raise ValueError(
            "attention masks are (sequence, token) of ones and zeros, or (sequence, head, query, "
            f"key) that are added to scores, not {mask.dtype} of {mask.dim()} dimensions"
        )


class _Stopped(BaseException):
    """Carries a value out of the model's forward. Not an error."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


def run_until(
    model: Any, inputs: dict[str, Any], watch: Callable[[Callable[[Any], None]], RemovableHandle]
) -> Any:
    """Return the value that the hook of `watch` hands to its `stop`, which ends the forward."""

    def stop(value: Any) -> None:
        raise _Stopped(value)

    handle = watch(stop)
    try:
        model(**inputs)
    except _Stopped as done:
        return done.value
    finally:
        handle.remove()
    raise ValueError("the model does not run the part that is watched")


def with_states(output: Any, states: Tensor) -> Any:
    """Return an output of a body with other hidden states in it."""
    if isinstance(output, tuple):
        return (states, *output[1:])
    return type(output)(**{**output, "last_hidden_state": states})
