"""Gradients at a prompt's trigger tokens, for every family and every backend.

A trigger position enters a plan as an id beyond the vocabulary, one for each position, so that it
stays apart from equal tokens through encoding, packing and sharing. The embedding turns it into its
token's embedding plus an offset, a row of zeros that the gradient is taken of; no one-hot vectors,
and no gradients of parameters. A causal model also has to predict the tokens after its slot: for
positions there, the output has offsets too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from promptsearch.models.batching.batch_plan import BatchPlan, PlanBlock
from promptsearch.models.forward.backends import DelegatingForward, ForwardBackend
from promptsearch.models.forward.patched import patched
from promptsearch.models.forward.score import ForwardRecipe, Prepare
from promptsearch.models.gradients.backward import Backward, Loss, loss_gradients


@dataclass(frozen=True, eq=False)
class TriggerPositions:
    """The trigger positions of a plan: the first one's id, their tokens, and zero offsets."""

    first: int
    tokens: Tensor  # (position,)
    offsets: Tensor  # (position, hidden) zeros
    words: Tensor  # (position, word) zeros, for positions that are predicted

    @classmethod
    def of(
        cls, tokens: Sequence[int], first: int, vocabulary: int, embedding: Any
    ) -> "TriggerPositions":
        """Return positions with zero offsets."""
        ids = torch.tensor(tokens, device=embedding.weight.device)
        with torch.no_grad():
            offsets = torch.zeros_like(embedding(ids), dtype=torch.float32)
        words = torch.zeros(len(tokens), vocabulary, device=ids.device)
        return cls(first, ids, offsets.requires_grad_(), words.requires_grad_())


def token_gradients(
    plan: BatchPlan,
    recipe: ForwardRecipe,
    loss: Loss,
    positions: TriggerPositions,
    embedding: nn.Module,
) -> tuple[Tensor, Tensor]:
    """Return the gradient of the loss, summed over all rows of the plan.

    It is (position, hidden) with respect to the embedding, and (position, word) with respect to the
    predicted word, which is zero if no position is predicted.
    """
    leaves = positions.offsets, positions.words
    prepare = _with_predicted(recipe.prepare, positions)
    backward = Backward(recipe.assemble, prepare, loss, leaves)
    with patched(embedding, forward=_with_offsets(embedding.forward, positions)):
        offsets, words = loss_gradients(plan, backward).leaves
    return offsets, words


def _with_predicted(prepare: Prepare, positions: TriggerPositions) -> Prepare:
    """Return backends that have the positions as words, where some of them are predicted."""

    def prepared(block: PlanBlock) -> ForwardBackend:
        backend = prepare(block)
        completions = {c for item in block.items for c in item.completions.completions}
        predicted = any(bool((c.tokens >= positions.first).any()) for c in completions)
        return _WithTriggerWords(backend, positions) if predicted else backend

    return prepared


def _with_offsets(
    embed: Callable[[Tensor], Tensor], positions: TriggerPositions
) -> Callable[[Tensor], Tensor]:
    """Return an embedding in which position ids are their tokens, plus the offsets."""

    def forward(ids: Tensor) -> Tensor:
        at = ids >= positions.first
        which = ids[at] - positions.first
        plain = embed(ids.masked_scatter(at, positions.tokens[which]))
        offsets = positions.offsets[which].to(plain.dtype)
        return plain.index_put(at.nonzero(as_tuple=True), offsets, accumulate=True)

    return forward


@dataclass(frozen=True, eq=False)
class _WithTriggerWords(DelegatingForward):
    """A backend whose output has the trigger positions as words: their tokens', plus offsets."""

    positions: TriggerPositions

    def logits(self, states: Tensor) -> Tensor:
        """Return (position, word): fillers and then trigger positions follow the words."""
        logits, positions = self.backend.logits(states), self.positions
        fill = logits[:, : positions.first - logits.shape[1]]
        ids, words = positions.tokens.to(logits.device), positions.words.to(logits.device)
        return torch.cat([logits, fill, logits[:, ids] + logits @ words.T], 1)
