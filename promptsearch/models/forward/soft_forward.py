"""Forward passes of sequences with soft tokens, whose ids the input embedding makes vectors."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from promptsearch.models.batching.batch_plan import EncodedText
from promptsearch.models.batching.soft_table import SoftTable
from promptsearch.models.forward.backends import (
    ForwardBackend,
    FusedForward,
    HiddenStates,
    Positions,
    Sequences,
)
from promptsearch.models.forward.patched import patched
from promptsearch.models.forward.runtime import ModelRuntime
from promptsearch.models.forward.score import ForwardRecipe
from promptsearch.models.tokenization.soft_tokens import SoftTokens


def input_embedding(model: Any) -> nn.Module:
    """Return the module that embeds what a transformers model reads."""
    body = model.get_encoder() if model.config.is_encoder_decoder else model
    embedding: nn.Module = body.get_input_embeddings()
    return embedding


def first_free_id(model: Any, vocabulary: int) -> int:
    """Return the first id beyond all tokens, read or written."""
    return max(len(cast(Tensor, input_embedding(model).weight)), vocabulary)


def soft_tokens_of(runtime: ModelRuntime[Any]) -> SoftTokens:
    """Return a count of soft tokens, for texts that a model encodes together."""
    first = first_free_id(runtime.model, runtime.batch_limits.vocabulary)
    weight = cast(Tensor, input_embedding(runtime.model).weight)
    return SoftTokens(runtime.info, first, weight.shape[1])


def embedded(model: Any, ids: Sequence[int]) -> Tensor:
    """Return (token, hidden), float32, CPU: what the model makes of tokens before its first layer.

    That is the space of soft prompts: some models scale what their table holds.
    """
    embedding = input_embedding(model)
    on_device = torch.tensor(list(ids), device=cast(Tensor, embedding.weight).device)
    with torch.no_grad():
        rows: Tensor = embedding(on_device)
    return rows.float().cpu()


def embedding_statistics(model: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean and the spread (hidden,) of the rows of the input embedding."""
    count = len(cast(Tensor, input_embedding(model).weight))
    rows = embedded(model, range(count))
    return rows.mean(0).numpy(), rows.std(0).numpy()


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
class _SoftForward:
    """A backend whose model's embedding knows the soft tokens while it runs."""

    backend: ForwardBackend
    embedding: nn.Module
    table: SoftTable

    @property
    def shares_prefixes(self) -> bool:
        return self.backend.shares_prefixes

    @property
    def vocabulary(self) -> int:
        return self.backend.vocabulary

    def hidden_states(
        self, sequences: Sequences, positions: Positions, roots: Sequence[int]
    ) -> HiddenStates:
        with _patched(self.embedding, self.table):
            return self.backend.hidden_states(sequences, positions, roots)

    def logits(self, states: Tensor) -> Tensor:
        return self.backend.logits(states)


def _patched(embedding: nn.Module, table: SoftTable) -> AbstractContextManager[None]:
    return patched(embedding, forward=_with_vectors(embedding.forward, table))


def _with_vectors(
    embed: Callable[[Tensor], Tensor], table: SoftTable
) -> Callable[[Tensor], Tensor]:
    """Return an embedding in which the table's ids are its rows."""

    def forward(ids: Tensor) -> Tensor:
        soft = ids >= table.first
        plain = embed(ids.masked_fill(soft, 0))
        rows = table.rows.to(plain.device, plain.dtype)[ids[soft] - table.first]
        return plain.index_put(soft.nonzero(as_tuple=True), rows)

    return forward
