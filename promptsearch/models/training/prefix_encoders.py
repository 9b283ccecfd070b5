"""Encoders of prefixes: what makes their keys and values while they are trained.

Li and Liang (2021), "Prefix-Tuning", section 4.3: a small matrix through an MLP is more stable than
the numbers themselves. The MLP is thrown away; what it gives is the prefix. Liu et al. (2022),
"P-Tuning v2", section 3.3: it helps on some tasks and hurts on others.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from promptsearch.models.training.config import PrefixEncoder

FIT_STEPS, FIT_LR = 500, 1e-4  # of the MLP to the start, as Li and Liang's release has them


class PrefixTable(nn.Module):
    """No encoder: the keys and values are the parameters."""

    def __init__(self, start: Tensor, _hidden: int, _middle: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(_flat(start), freeze=False)
        self._shape = start.shape

    def forward(self) -> Tensor:
        """Return (layer, key | value, head, position, size)."""
        return _unflat(self._rows(), self._shape)

    def _rows(self) -> Tensor:
        """Return (position, number)."""
        weight: Tensor = self.embedding.weight
        return weight


class PrefixMlp(PrefixTable):
    """A row a position, then a linear layer, tanh, and a linear layer to all keys and values.

    Fitted to the start, which it so only comes near to.
    """

    def __init__(self, start: Tensor, hidden: int, middle: int) -> None:
        super().__init__(start, hidden, middle)
        rows = _flat(start)
        self.embedding = nn.Embedding(len(rows), hidden)
        self.trans = nn.Sequential(
            nn.Linear(hidden, middle), nn.Tanh(), nn.Linear(middle, rows.shape[1])
        )
        self._fit(rows)

    def _rows(self) -> Tensor:
        rows: Tensor = self.trans(self.embedding.weight)
        return rows

    def _fit(self, rows: Tensor) -> None:
        """Move the parameters so that the output is near these rows (position, number)."""
        optimizer = torch.optim.Adam(self.parameters(), lr=FIT_LR, foreach=False)
        with torch.enable_grad():
            for _ in range(FIT_STEPS):
                optimizer.zero_grad()
                nn.functional.mse_loss(self._rows(), rows).backward()
                optimizer.step()
        self.zero_grad()


_ENCODERS: Mapping[PrefixEncoder, Callable[[Tensor, int, int], PrefixTable]] = {
    "none": PrefixTable,
    "mlp": PrefixMlp,
}


def prefix_encoders(
    name: PrefixEncoder, start: Mapping[str, Tensor], hidden: int, middle: int
) -> nn.ModuleDict:
    """Return an encoder for the keys and values of each attention, before its first step."""
    return nn.ModuleDict(
        {attention: _ENCODERS[name](rows, hidden, middle) for attention, rows in start.items()}
    )


def _flat(rows: Tensor) -> Tensor:
    """Return (position, number) of (layer, key | value, head, position, size), as papers do."""
    return rows.permute(3, 0, 1, 2, 4).flatten(1).float().clone()


def _unflat(rows: Tensor, shape: torch.Size) -> Tensor:
    """Return (layer, key | value, head, position, size) of (position, number)."""
    layers, pair, heads, length, size = shape
    return rows.view(length, layers, pair, heads, size).permute(1, 2, 3, 0, 4)
