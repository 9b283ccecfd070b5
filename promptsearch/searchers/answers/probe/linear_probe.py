"""A linear probe of the slot, and the words that it assigns to a label.

Shin et al. (2020), "AutoPrompt", section 2.3. https://arxiv.org/abs/2010.15980
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from promptsearch.searchers.common.interleave import interleave

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """Hyper-parameters of a probe's training (AutoPrompt's release: Adam, 3e-4, batches of 32)."""

    rate: float
    epochs: int
    batch: int
    seed: int


class LinearProbe(NamedTuple):
    """A classifier of states: p(label | h) is the softmax over labels of `weight` h + `bias`."""

    weight: "Tensor"  # (label, hidden)
    bias: "Tensor"  # (label,)

    def log_odds(self, states: "Tensor") -> Floats:
        """Return (state, label) log p(label | state) - log p(another label | state), in float64.

        They order states as p(label | state) does, and also where that is 1 to the last digit.
        """
        logits = states.double() @ self.weight.double().T + self.bias.double()
        count = logits.shape[1]
        rivals = logits[:, None].repeat(1, count, 1)  # (state, label, label)
        rivals[:, range(count), range(count)] = float("-inf")
        odds: Floats = (logits - rivals.logsumexp(2)).numpy()
        return odds


def fitted(states: "Tensor", gold: Sequence[int], labels: int, fit: Fit) -> LinearProbe:
    """Return the probe trained on states (example, hidden) with the labels `gold` (example,).

    It starts from zeros. The release starts from torch's random layer, whose noise outweighs what
    some dozen examples can teach it: the words then are the seed's (benchmarks/probe_start.py).
    """
    import torch
    from torch.nn.functional import cross_entropy

    right = torch.tensor(gold)
    probe = LinearProbe(torch.zeros(labels, states.shape[1]), torch.zeros(labels))
    parameters = [part.requires_grad_() for part in probe]
    optimizer = torch.optim.Adam(parameters, lr=fit.rate)
    generator = torch.Generator().manual_seed(fit.seed)
    for _ in range(fit.epochs):
        for rows in torch.randperm(len(states), generator=generator).split(fit.batch):
            loss = cross_entropy(states[rows] @ probe.weight.T + probe.bias, right[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return LinearProbe(probe.weight.detach(), probe.bias.detach())


def top_words(scores: Floats, top: int, repeat: bool) -> list[list[int]]:
    """Return each label's best words as columns of `scores` (label, word), the best first.

    A word stands for the label that it speaks for most, unless words may `repeat`; a label that
    no word speaks for most has the best that no other label holds.
    """
    orders = [np.argsort(-ranked, kind="stable").tolist() for ranked in scores]
    if repeat:
        return [ranked[:top] for ranked in orders]
    owner = scores.argmax(0)
    count_of_label = min(top, scores.shape[1] // len(scores))
    chosen = [
        [w for w in ranked if owner[w] == label][:count_of_label]
        for label, ranked in enumerate(orders)
    ]
    used = {word for ranked in chosen for word in ranked}
    for label, ranked in enumerate(chosen):
        if not ranked:
            ranked += [word for word in orders[label] if word not in used][:count_of_label]
            used.update(ranked)
    return chosen


class WordSelection(NamedTuple):
    """A choice of words for every label, by their ranks in its list, from 0."""

    rule: str
    ranks: tuple[tuple[int, ...], ...]  # (label, answer)


def selections(
    sizes: Sequence[int], per_label: int, names: Sequence[str]
) -> Iterator[WordSelection]:
    """Yield choices from lists of these sizes, by three rules in turn, each once.

    The best n of every label; one word a label, of equal rank; one of a lower rank for one label,
    the best for the rivals.
    """
    best = [
        WordSelection(f"best {n}", tuple(tuple(range(min(n, size))) for size in sizes))
        for n in range(1, per_label + 1)
    ]
    equal = [
        WordSelection(f"rank {rank + 1}", ((rank,),) * len(sizes)) for rank in range(1, min(sizes))
    ]
    mixed = [_mixed(label, size, names) for label, size in enumerate(sizes)]
    seen: set[tuple[tuple[int, ...], ...]] = set()
    for selection in interleave([best, equal, *mixed]):
        if selection.ranks not in seen:
            seen.add(selection.ranks)
            yield selection


def _mixed(label: int, size: int, names: Sequence[str]) -> list[WordSelection]:
    return [
        WordSelection(
            f"rank {rank + 1} for {names[label]!r}",
            tuple((rank,) if each == label else (0,) for each in range(len(names))),
        )
        for rank in range(1, size)
    ]
