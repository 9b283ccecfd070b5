"""Forward passes with what is trained: soft tokens, prefixes, and heads in place of words."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, cast

from torch import Tensor, nn

from promptsearch.models.batching.batch_plan import PlanBlock
from promptsearch.models.batching.prefix_tensors import HeadTensors, PrefixTensors
from promptsearch.models.batching.soft_table import SoftTable
from promptsearch.models.forward.backends import (
    DelegatingForward,
    ForwardBackend,
    FusedForward,
    HiddenStates,
    PackedForward,
    Positions,
    Sequences,
)
from promptsearch.models.forward.embedding_table import input_embedding
from promptsearch.models.forward.encoder_decoder import PackedEncoder
from promptsearch.models.forward.patched import patched
from promptsearch.models.forward.runtime import Backend
from promptsearch.models.forward.score import ForwardRecipe


def with_prefix(backend: Backend, prefix: PrefixTensors) -> Backend:
    """Return a backend that reads sequences behind a prefix."""
    if isinstance(backend, FusedForward):
        return cast(Backend, replace(backend, encoder=replace(backend.encoder, prefix=prefix)))
    assert isinstance(backend, PackedForward | PackedEncoder), "others are refused when planned"
    return cast(Backend, replace(backend, prefix=prefix))


def with_soft_tokens(recipe: ForwardRecipe, table: SoftTable, model: Any) -> ForwardRecipe:
    """Return the recipe for sequences that hold the table's ids."""
    embedding = input_embedding(model)

    def prepare(block: PlanBlock) -> ForwardBackend:
        with _patched(embedding, table):
            backend = recipe.prepare(block)
        if isinstance(backend, FusedForward):
            return replace(backend, encoder=replace(backend.encoder, soft=table))
        return _SoftForward(backend, embedding, table)

    return ForwardRecipe(recipe.assemble, prepare)


@dataclass(frozen=True, eq=False)
class _SoftForward(DelegatingForward):
    """A backend whose model's embedding knows the soft tokens while it runs."""

    embedding: nn.Module
    table: SoftTable

    def hidden_states(
        self, sequences: Sequences, positions: Positions, roots: Sequence[int]
    ) -> HiddenStates:
        with _patched(self.embedding, self.table):
            return self.backend.hidden_states(sequences, positions, roots)


def _patched(embedding: nn.Module, table: SoftTable) -> AbstractContextManager[None]:
    embed: Callable[[Tensor], Tensor] = embedding.forward

    def forward(ids: Tensor) -> Tensor:
        return table.embedded(ids, embed)

    return patched(embedding, forward=forward)


@dataclass(frozen=True, eq=False)
class HeadForward(DelegatingForward):
    """A backend whose output are a head's labels."""

    head: HeadTensors

    @property
    def vocabulary(self) -> int:
        return len(self.head.bias)

    def logits(self, states: Tensor) -> Tensor:
        """Return (position, label), in float32, from (position, hidden)."""
        return self.head.logits(states)
