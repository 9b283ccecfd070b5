"""The gradient of a loss over a plan, with respect to tensors that its forward passes depend on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from promptsearch.models.batching.batch_plan import Batch, BatchPlan, PlanBlock
from promptsearch.models.forward.backends import ForwardBackend
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
class LossGradients:
    """A loss summed over rows, and its gradient for each leaf; zero where nothing depends on it."""

    loss: float
    leaves: tuple[Tensor, ...]

    def __add__(self, more: "LossGradients") -> "LossGradients":
        pairs = zip(self.leaves, more.leaves, strict=True)
        return LossGradients(self.loss + more.loss, tuple(a + b for a, b in pairs))


@dataclass(frozen=True, eq=False)
class Backward:
    """Differentiation of the blocks of one plan."""

    assemble: Assemble
    prepare: Prepare
    loss: Loss
    leaves: tuple[Tensor, ...]  # that record gradients

    def of(self, block: PlanBlock) -> LossGradients:
        """Return the gradient of a block: from its scores, the loss's weights, and the batches.

        A batch's graph is kept from the first pass if it is the only one, and rebuilt otherwise.
        """
        backend = self.prepare(block)
        single_batch = len(block.batches) == 1
        with torch.set_grad_enabled(single_batch):
            parts = [self._scores(batch, block, backend) for batch in block.batches]
        scores = torch.stack([part.detach() for part in parts]).sum(0).requires_grad_()
        loss = self._loss_sum(block, scores)
        (weights,) = torch.autograd.grad(loss, scores)
        total = self.none(float(loss.detach()))
        for batch, part in zip(block.batches, parts, strict=True):
            batch_scores = part if single_batch else self._scores(batch, block, backend)
            total = total + self._backward(batch_scores, weights)
        return total

    def none(self, loss: float = 0.0) -> LossGradients:
        """Return the sum over no rows, or a loss that nothing depends on."""
        return LossGradients(loss, tuple(map(torch.zeros_like, self.leaves)))

    def _scores(self, batch: Batch, block: PlanBlock, backend: ForwardBackend) -> Tensor:
        """Return (item, answer)."""
        return scores_of(batch, block, self.assemble, backend)

    def _loss_sum(self, block: PlanBlock, scores: Tensor) -> Tensor:
        by_row = scored_texts(block.items, scores.cpu())
        return self.loss(by_row.rows, by_row.log_probs).sum()

    def _backward(self, scores: Tensor, weights: Tensor) -> LossGradients:
        gradients = torch.autograd.grad(
            scores, self.leaves, weights, retain_graph=True, allow_unused=True
        )
        pairs = zip(gradients, self.leaves, strict=True)
        return LossGradients(
            0.0, tuple(torch.zeros_like(leaf) if g is None else g for g, leaf in pairs)
        )


def loss_gradients(plan: BatchPlan, backward: Backward) -> LossGradients:
    """Return the loss of all rows of the plan and its gradient."""
    plan.check_trainable()
    total = backward.none()
    with torch.enable_grad():
        for block in plan.blocks:
            for _, part in halving(block, backward.of, block_halves):
                total = total + part
    return total
