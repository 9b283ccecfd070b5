"""Encoders: small networks that make the vectors of a soft prompt while it is trained.

Liu et al. (2021), "GPT Understands, Too" (P-tuning v1), https://arxiv.org/abs/2103.10385: vectors
that are learned through a network depend on each other. The network is thrown away; what it gives
is the prompt.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from promptsearch.models.training.config import Encoder


class DirectVectors(nn.Module):
    """No encoder: the vectors are the parameters."""

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(start.clone(), freeze=False)

    def forward(self) -> Tensor:
        """Return (vector, hidden)."""
        weight: Tensor = self.embedding.weight
        return weight


class MlpVectors(DirectVectors):
    """Two linear layers with ReLU between them, vector by vector."""

    def __init__(self, start: Tensor) -> None:
        super().__init__(start)
        hidden = start.shape[1]
        self.mlp_head = nn.Sequential(
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, hidden)
        )

    def forward(self) -> Tensor:
        """Return (vector, hidden)."""
        vectors: Tensor = self.mlp_head(self.embedding.weight)
        return vectors


class LstmVectors(DirectVectors):
    """A two-layer LSTM in both directions over all vectors of the template, then an MLP."""

    def __init__(self, start: Tensor) -> None:
        super().__init__(start)
        hidden, half = start.shape[1], start.shape[1] // 2
        self.lstm_head = nn.LSTM(hidden, half, num_layers=2, bidirectional=True, batch_first=True)
        self.mlp_head = nn.Sequential(
            nn.Linear(2 * half, hidden), nn.ReLU(), nn.Linear(hidden, hidden)
        )

    def forward(self) -> Tensor:
        """Return (vector, hidden)."""
        states, _ = self.lstm_head(self.embedding.weight[None])
        vectors: Tensor = self.mlp_head(states[0])
        return vectors


_ENCODERS: Mapping[Encoder, Callable[[Tensor], DirectVectors]] = {
    "none": DirectVectors,
    "mlp": MlpVectors,
    "lstm": LstmVectors,
}


def encoder_of(name: Encoder, start: Tensor, seed: int) -> DirectVectors:
    """Return the encoder with its first parameters; the caller's random state is unchanged."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _ENCODERS[name](start.float())
