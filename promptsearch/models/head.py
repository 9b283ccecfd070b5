"""The language-model head, at chosen positions only."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class Outputs:
    """A model's output rows where they are wanted.

    The body runs as it is; a hook hands the head only the hidden states at the wanted positions.
    Where a tiny check at the start shows that this is not what the whole model computes, the
    head runs everywhere.
    """

    def __init__(self, model: Any, body: nn.Module, sample: dict[str, Any]) -> None:
        self._model = model
        self._body: nn.Module | None = body
        rows, columns = torch.tensor([0, 0]), torch.tensor([1, 0])
        whole: Tensor = self._all(sample)
        self.vocabulary: int = whole.shape[-1]
        if body is model or not self._agrees(rows, columns, sample, whole):
            self._body = None

    @property
    def separate(self) -> bool:
        """Whether the head runs at the wanted positions only."""
        return self._body is not None

    def at(self, rows: Tensor, columns: Tensor, inputs: dict[str, Any]) -> Tensor:
        """Logits (position, word) in float32 at sequence `rows[i]`, token `columns[i]`."""
        if self._body is None:
            return self._all(inputs)[rows, columns].float()
        with torch.inference_mode(), _selecting(self._body, rows, columns):
            logits: Tensor = self._model(**inputs).logits
        return logits[:, 0].float()

    def _all(self, inputs: dict[str, Any]) -> Tensor:
        with torch.inference_mode():
            logits: Tensor = self._model(**inputs).logits
        return logits

    def _agrees(self, rows: Tensor, columns: Tensor, sample: dict[str, Any], whole: Tensor) -> bool:
        try:
            chosen = self.at(rows, columns, sample)
        except (RuntimeError, ValueError, TypeError, IndexError, KeyError, AttributeError):
            return False  # a head that needs more than hidden states: the plain path serves it
        wanted = whole[rows, columns].float()
        return chosen.shape == wanted.shape and torch.allclose(chosen, wanted, rtol=1e-2, atol=1e-2)


@contextmanager
def _selecting(body: nn.Module, rows: Tensor, columns: Tensor) -> Iterator[None]:
    """While open, `body` returns the hidden states at (rows, columns) as texts of one token."""

    def select(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        hidden = output[0][rows, columns].unsqueeze(1)  # (position, 1, hidden)
        if isinstance(output, tuple):
            return (hidden, *output[1:])
        output["last_hidden_state"] = hidden
        return output

    handle = body.register_forward_hook(select)
    try:
        yield
    finally:
        handle.remove()
