"""Averaged next-token distributions: prompts that write one text together.

At each step the probabilities of the next token are averaged over the prompts, with weights: the
ensemble of Liu et al. 2021, "Pre-train, Prompt, and Predict", section 6.1
(https://arxiv.org/abs/2107.13586).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class NextTokenAverage:
    """A logits processor of batches in which the members of a text stand one after another.

    All members of a text get the same scores, so that they choose the same token, or, of beams,
    the same ones; each goes on from its prompt.
    """

    def __init__(self, weights: Sequence[float], beams: int, device: Any) -> None:
        self._beams = beams
        self._log_shares = log_shares(weights).float().to(device)

    def __call__(self, _ids: Tensor, scores: Tensor) -> Tensor:
        """Return (text * member * beam, word) log p of the average, from scores of each member."""
        shape = -1, len(self._log_shares), self._beams, scores.shape[-1]
        log_probs = scores.log_softmax(-1).view(shape)
        average = average_log_probs(log_probs, self._log_shares[:, None, None], 1)
        return average.expand_as(log_probs).reshape(scores.shape)


def log_shares(weights: Sequence[float]) -> Tensor:
    """Return (member,) the logarithm of each weight's share of their sum, in float64."""
    numbers = torch.tensor(weights, dtype=torch.float64)
    return (numbers / numbers.sum()).log()


def average_log_probs(log_probs: Tensor, shares: Tensor, members: int) -> Tensor:
    """Return the log of the mean of probabilities over the dimension `members`, which stays.

    `shares` are logarithms of the members' shares, of a shape that fits.
    """
    return (log_probs + shares).logsumexp(members, keepdim=True)
