"""Hidden states before the output embedding, and the embedding's rows.

A model's last step is a product: a hidden state, after whatever stands before (BERT's transform, a
last norm, T5's scale of tied embeddings), with one row of weights a word. The model's own code runs
up to this step and is ended there, so that nothing has to be known of its head.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from promptsearch.errors import ModelError
from promptsearch.models.batching.batch_plan import BatchPlan, PlannedSequence
from promptsearch.models.forward.backends import ForwardBackend, HiddenStates
from promptsearch.models.forward.body_and_head import run_until
from promptsearch.models.forward.runtime import Backend, ModelRuntime
from promptsearch.models.forward.score import ForwardRecipe, read_blocks


@dataclass(frozen=True, eq=False)
class OutputEmbedding:
    """A model whose forward ends before its output embedding, `words`."""

    model: Any
    words: nn.Module

    @classmethod
    def of(cls, model: Any, spec: str) -> "OutputEmbedding":
        """Return the model's output embedding. Raise ModelError if it has none."""
        words = model.get_output_embeddings()
        if not isinstance(getattr(words, "weight", None), Tensor):
            raise ModelError(f"{spec!r} has no output embedding to probe; use another model")
        return cls(model, words)

    @property
    def rows(self) -> Tensor:
        """(word, hidden): the weights."""
        weight = self.words.weight
        assert isinstance(weight, Tensor)
        return weight.detach()

    @property
    def vocabulary(self) -> int:
        return len(self.rows)

    def states(self, inputs: dict[str, Any]) -> Tensor:
        """Return (sequence, token, hidden): the inputs of the output embedding."""
        states: Tensor = run_until(
            self.model,
            inputs,
            lambda stop: self.words.register_forward_pre_hook(lambda _, given: stop(given[0])),
        )
        return states

    def logits(self, states: Tensor) -> Tensor:
        """Return (position, word), in float32, from (position, hidden)."""
        words: Tensor = self.words(states)
        return words.float()


def at_output_embedding(runtime: ModelRuntime[Backend]) -> ModelRuntime[Backend]:
    """Return a runtime of the model's own code, whose passes end at the output embedding."""
    with_gradients: Any = runtime.with_gradients
    outputs = OutputEmbedding.of(runtime.model, runtime.info.spec)
    fast = with_gradients.fast and replace(with_gradients.fast, outputs=outputs)
    plain = replace(with_gradients.plain, outputs=outputs)
    ended: ModelRuntime[Backend] = replace(with_gradients, plain=plain, fast=fast)
    return ended


def states_of(plan: BatchPlan, recipe: ForwardRecipe, rows: Tensor) -> Tensor:
    """Return (text, hidden), float32 on the CPU: at the first token of each text's answer."""
    empty = rows.new_zeros(rows.shape[1], dtype=torch.float32)
    by_row = [
        (row, state)
        for items, states in read_blocks(plan, recipe, _first_states, empty)
        for item, state in zip(items, states, strict=True)
        for row in item.rows
    ]
    return torch.stack([state for _, state in sorted(by_row, key=lambda pair: pair[0])])


def _first_states(
    sequences: Sequence[PlannedSequence],
    hidden: HiddenStates,
    _backend: ForwardBackend,
    states: Tensor,
) -> None:
    """Put the state at each sequence's first read into `states` (item, hidden)."""
    first = 0
    for sequence in sequences:
        states[sequence.item] = hidden.states[hidden.positions[first]].float()
        first += len(sequence.completion.positions)
