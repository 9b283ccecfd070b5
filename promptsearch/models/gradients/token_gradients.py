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

from promptsearch.models.batching.batch_plan import Batch, BatchPlan, PlanBlock
from promptsearch.models.forward.backends import ForwardBackend, HiddenStates, Positions, Sequences
from promptsearch.models.forward.patched import patched
from promptsearch.models.forward.score import (
    Assemble,
    Prepare,
    block_halves,
    halving,
    scored_texts,
    scores_of,
)

Loss = Callable[[Sequence[int], Tensor], Tensor]  # rows, log p (row, answer) -> (row,)


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


@dataclass(frozen=True, eq=False)
class Gradient:
    """The gradient of a loss, summed over rows; `words` is zero if no position is predicted."""

    offsets: Tensor  # (position, hidden): with respect to the embedding
    words: Tensor  # (position, word): with respect to the predicted word

    @classmethod
    def none(cls, positions: TriggerPositions) -> "Gradient":
        return cls(torch.zeros_like(positions.offsets), torch.zeros_like(positions.words))

    def __add__(self, more: "Gradient") -> "Gradient":
        return Gradient(self.offsets + more.offsets, self.words + more.words)


@dataclass(frozen=True, eq=False)
class Backward:
    """Differentiation of the blocks of one plan."""

    assemble: Assemble
    prepare: Prepare
    loss: Loss
    positions: TriggerPositions

    def of(self, block: PlanBlock) -> Gradient:
        """Return the gradient of a block: from its scores, the loss's weights, and the batches.

        A batch's graph is kept from the first pass if it is the only one, and rebuilt otherwise.
        """
        backend = self._backend(block)
        single_batch = len(block.batches) == 1
        with torch.set_grad_enabled(single_batch):
            parts = [self._scores(batch, block, backend) for batch in block.batches]
        scores = torch.stack([part.detach() for part in parts]).sum(0).requires_grad_()
        (weights,) = torch.autograd.grad(self._loss_sum(block, scores), scores)
        total = Gradient.none(self.positions)
        for batch, part in zip(block.batches, parts, strict=True):
            batch_scores = part if single_batch else self._scores(batch, block, backend)
            total = total + self._backward(batch_scores, weights)
        return total

    def _backend(self, block: PlanBlock) -> ForwardBackend:
        backend, first = self.prepare(block.items), self.positions.first
        completions = {
            completion for item in block.items for completion in item.completions.completions
        }
        predicted = any(bool((completion.tokens >= first).any()) for completion in completions)
        return _WithTriggerWords(backend, self.positions) if predicted else backend

    def _scores(self, batch: Batch, block: PlanBlock, backend: ForwardBackend) -> Tensor:
        """Return (item, answer)."""
        return scores_of(batch, block, self.assemble, backend)

    def _loss_sum(self, block: PlanBlock, scores: Tensor) -> Tensor:
        by_row = scored_texts(block.items, scores.cpu())
        return self.loss(by_row.rows, by_row.log_probs).sum()

    def _backward(self, scores: Tensor, weights: Tensor) -> Gradient:
        leaves = (self.positions.offsets, self.positions.words)
        gradients = torch.autograd.grad(
            scores, leaves, weights, retain_graph=True, allow_unused=True
        )
        pairs = zip(gradients, leaves, strict=True)
        return Gradient(*(torch.zeros_like(leaf) if g is None else g for g, leaf in pairs))


def gradient(plan: BatchPlan, backward: Backward, embedding: nn.Module) -> Gradient:
    """Return the gradient of the loss, summed over all rows of the plan."""
    total = Gradient.none(backward.positions)
    forward = _with_offsets(embedding.forward, backward.positions)
    with torch.enable_grad(), patched(embedding, forward=forward):
        for block in plan.blocks:
            for _, part in halving(block, backward.of, block_halves):
                total = total + part
    return total


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
class _WithTriggerWords:
    """A backend whose output has the trigger positions as words: their tokens', plus offsets."""

    backend: ForwardBackend
    positions: TriggerPositions

    @property
    def shares_prefixes(self) -> bool:
        return self.backend.shares_prefixes

    @property
    def vocabulary(self) -> int:
        return self.backend.vocabulary

    def hidden_states(
        self, sequences: Sequences, positions: Positions, roots: Sequence[int]
    ) -> HiddenStates:
        return self.backend.hidden_states(sequences, positions, roots)

    def logits(self, states: Tensor) -> Tensor:
        """Return (position, word): fillers and then trigger positions follow the words."""
        logits, positions = self.backend.logits(states), self.positions
        fill = logits[:, : positions.first - logits.shape[1]]
        ids, words = positions.tokens.to(logits.device), positions.words.to(logits.device)
        return torch.cat([logits, fill, logits[:, ids] + logits @ words.T], 1)
