"""Learned weights of prompts.

Jiang, Xu, Araki and Neubig (2020), "How Can We Know What Language Models Know?" (LPAQA), section
4.3. https://arxiv.org/abs/1911.12543

    p(y | x) = softmax_y(sum_t w_t log p_t(y | x)),  w = softmax(theta),  theta = 0 at the start

by Adam on -log p(right). The release stops when the training loss stands still; with `held` rows it
stops when theirs does, and takes the weights that were best on them.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from promptsearch.scoring.combination import NEVER, Logs, Right

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer


@dataclass(frozen=True)
class WeightTraining:
    """Hyper-parameters of LPAQA."""

    rate: float = 0.1
    batch: int = 128  # rows, in order
    epochs: int = 500
    patience: int = 30  # epochs without a drop of `least`
    least: float = 1e-3


@dataclass(frozen=True)
class Learned:
    """Weights that add up to 1, and the losses (mean -log p of the right labels, in nats)."""

    weights: tuple[float, ...]
    epochs: int
    before: float  # of the rows that decide (held-back ones, if there are any) at equal weights
    loss: float  # of the same rows at the weights that were taken


def optimised(
    log_probs: Logs,
    right: Right,
    held: tuple[Logs, Right] | None = None,
    training: WeightTraining = WeightTraining(),
) -> Learned:
    """Learn weights from (member, example, label).

    `held` are further rows that only decide when to stop.
    """
    import torch

    train = WeightTrainingRows.of(log_probs, right)
    deciding = train if held is None else WeightTrainingRows.of(*held)
    theta = torch.zeros(len(log_probs), requires_grad=True)
    adam = torch.optim.Adam([theta], lr=training.rate)
    before = best = deciding.value(theta)
    taken, waits = theta.detach().clone(), Patience(training.patience, training.least)
    while not waits.over and waits.epochs < training.epochs:
        seen = _pass(train, theta, adam, training.batch)
        loss = seen if held is None else deciding.value(theta)
        waits.note(loss)
        if held is None or loss < best:
            best, taken = loss, theta.detach().clone()
    weights = tuple(taken.softmax(0).double().tolist())
    return Learned(weights, waits.epochs, before, deciding.value(taken))


@dataclass
class Patience:
    """Stopping rule: over after so many epochs without a drop."""

    patience: int
    least: float  # that counts as a drop
    epochs: int = 0
    lowest: float = float("inf")
    waited: int = 0

    def note(self, loss: float) -> None:
        """Add the loss of one more epoch."""
        self.epochs += 1
        self.waited += 1
        if loss < self.lowest - self.least:
            self.lowest, self.waited = loss, 0

    @property
    def over(self) -> bool:
        return self.waited >= self.patience


def _pass(rows: "WeightTrainingRows", theta: "Tensor", adam: "Optimizer", batch: int) -> float:
    """Train one epoch; return the mean of the batches' losses, each from before its step."""
    losses = []
    for first in range(0, rows.count, batch):
        loss = rows.loss(theta, slice(first, first + batch))
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(loss.item())
    return float(np.mean(losses))


@dataclass(frozen=True)
class WeightTrainingRows:
    """Examples to learn from."""

    log_probs: "Tensor"  # (example, member, label)
    right: "Tensor"  # (example, label), whether it is right

    @classmethod
    def of(cls, log_probs: Logs, right: Right) -> "WeightTrainingRows":
        import torch

        values = np.maximum(log_probs, NEVER).astype(np.float32)
        marks = torch.zeros(values.shape[1:], dtype=torch.bool)
        for row, labels in enumerate(right):
            marks[row, list(labels)] = True
        return cls(torch.from_numpy(values).transpose(0, 1).contiguous(), marks)

    @property
    def count(self) -> int:
        return len(self.right)

    def loss(self, theta: "Tensor", batch: slice) -> "Tensor":
        """Return the mean -log p of the right labels."""
        scores = (self.log_probs[batch] * theta.softmax(0)[None, :, None]).sum(1)
        log_probs = scores.log_softmax(1).masked_fill(~self.right[batch], -float("inf"))
        return -log_probs.logsumexp(1).mean()

    def value(self, theta: "Tensor") -> float:
        """Return the loss of all rows."""
        import torch

        with torch.no_grad():
            return float(self.loss(theta, slice(None)))
