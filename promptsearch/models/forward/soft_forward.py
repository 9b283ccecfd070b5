"""Forward passes of sequences with soft tokens, whose ids the input embedding makes vectors."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn

from promptsearch.models.batching.batch_plan import EncodedText
from promptsearch.models.batching.soft_table import SoftTable
from promptsearch.models.forward.backends import (
    DelegatingForward,
    ForwardBackend,
    FusedForward,
    HiddenStates,
    Positions,
    Sequences,
)
from promptsearch.models.forward.embedding_table import input_embedding
from promptsearch.models.forward.patched import patched
from promptsearch.models.forward.score import ForwardRecipe


def with_soft_tokens(recipe: ForwardRecipe, table: SoftTable, model: Any) -> ForwardRecipe:
    """Return the recipe for sequences that hold the table's ids."""
    embedding = input_embedding(model)

    def prepare(items: Sequence[EncodedText]) -> ForwardBackend:
        with _patched(embedding, table):
            backend = recipe.prepare(items)
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
