"""Gradients at a prompt's own tokens, for every family and every way of laying sequences out.

A place enters a plan as an id beyond the vocabulary, one a place, so that it stays apart from equal
tokens through encoding, packing and sharing. Where ids become embeddings, it becomes its token's
embedding plus a nudge, a row of zeros that the gradient is taken of; no one-hot vectors, and no
gradients of parameters. A causal model also has to predict the tokens after its slot: for places
there, words are nudged in the output too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from promptsearch.models.batching.batch_plan import Batch, BatchPlan, PlanBlock
from promptsearch.models.forward.backends import ForwardBackend, HiddenStates, Positions, Sequences
from promptsearch.models.forward.out_of_memory import block_halves, halving
from promptsearch.models.forward.patched import patched
from promptsearch.models.forward.score import Assemble, Prepare, scored_texts, scores_of

Loss = Callable[[Sequence[int], Tensor], Tensor]  # rows, log p (row, answer) -> (row,)


@dataclass(frozen=True, eq=False)
class TriggerPositions:
    """The places of a plan: the id of the first, the tokens that stand there, and the nudges."""

    first: int
    tokens: Tensor  # (place,)
    offsets: Tensor  # (place, hidden) zeros
    words: Tensor  # (place, word) zeros, for places that are predicted

    @classmethod
    def of(
        cls, tokens: Sequence[int], first: int, vocabulary: int, embedding: Any
    ) -> "TriggerPositions":
        """Nudged by nothing yet."""
        ids = torch.tensor(tokens, device=embedding.weight.device)
        with torch.no_grad():
            offsets = torch.zeros_like(embedding(ids), dtype=torch.float32)
        words = torch.zeros(len(tokens), vocabulary, device=ids.device)
        return cls(first, ids, offsets.requires_grad_(), words.requires_grad_())


@dataclass(frozen=True, eq=False)
class Gradient:
    """Of a loss, summed over rows; `words` is zero where no place is predicted."""

    offsets: Tensor  # (place, hidden): with respect to the embedding at each place
    words: Tensor  # (place, word): with respect to which word is predicted there

    @classmethod
    def none(cls, positions: TriggerPositions) -> "Gradient":
        return cls(torch.zeros_like(positions.offsets), torch.zeros_like(positions.words))

    def __add__(self, more: "Gradient") -> "Gradient":
        return Gradient(self.offsets + more.offsets, self.words + more.words)


@dataclass(frozen=True, eq=False)
class Backward:
    """How the blocks of one plan are differentiated."""

    assemble: Assemble
    prepare: Prepare
    loss: Loss
    positions: TriggerPositions

    def of(self, block: PlanBlock) -> Gradient:
        """Scores first, then what each of them weighs in the loss, then back through the batches.

        A batch's graph is kept from the first pass where it is alone, and made again otherwise.
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
        """(item, answer)"""
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
    """Of the sum of the loss over all rows of the plan."""
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
    """Passes in whose output the places are words too: those that stand there, nudged."""

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
        """(position, word), then fillers up to the first place's id, then the places."""
        logits, positions = self.backend.logits(states), self.positions
        fill = logits[:, : positions.first - logits.shape[1]]
        ids, words = positions.tokens.to(logits.device), positions.words.to(logits.device)
        return torch.cat([logits, fill, logits[:, ids] + logits @ words.T], 1)
