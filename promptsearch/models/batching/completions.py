"""Completions of a text: tokens to pass through the model, and the log-probabilities to read.

Many texts share the same completions, so these are created once per set of answers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

# (position, token, answer): log p(token) at the position counts for the answer
ScoredToken = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Completion:
    """One completion of a text, and the log-probabilities to read from its forward pass.

    Masked: `fill` goes into the slots, `counts[s]` tokens into slot s, and positions index `fill`.
    Otherwise `fill` continues the text, and position i predicts `fill[i]` (or what would follow).
    """

    fill: tuple[int, ...]
    counts: tuple[int, ...]
    positions: tuple[int, ...]  # where output is read, ascending
    position_index: Tensor  # (reading,) index into `positions`
    tokens: Tensor  # (reading,)
    answer_index: Tensor  # (reading,) the answer that the reading counts for
    normalised: bool = True  # whether log-probabilities are read, or else logits


@dataclass(frozen=True, eq=False)
class Completions:
    """All completions of one text; an answer's summed score is divided by `divisors` (answer,)."""

    completions: tuple[Completion, ...]
    divisors: Tensor

    @cached_property
    def as_logits(self) -> "Completions":
        """The same, read as logits."""
        return replace(
            self, completions=tuple(replace(c, normalised=False) for c in self.completions)
        )

    @property
    def longest(self) -> int:
        return max(len(completion.fill) for completion in self.completions)


def completion_of(
    fill: Sequence[int],
    counts: Sequence[int],
    readings: Iterable[ScoredToken],
    device: torch.device,
) -> Completion:
    """Return a completion from its scored tokens."""
    table = sorted(readings, key=lambda reading: reading[2])
    positions = sorted({position for position, _, _ in table})
    index = {position: i for i, position in enumerate(positions)}
    numbers = torch.tensor([(index[p], token, answer) for p, token, answer in table]).T
    position_index, tokens, answer_index = numbers.to(device)  # each (reading,)
    return Completion(
        tuple(fill), tuple(counts), tuple(positions), position_index, tokens, answer_index
    )


def continuations(
    follows: Sequence[Sequence[int]], scored: Sequence[Sequence[int]], device: torch.device
) -> tuple[Completion, ...]:
    """Return the completions of texts that several continuations follow.

    `follows[a]` are the ids of answer a and of all around it, `scored[a]` the positions among them
    that are scored. The last token need not pass; a continuation that begins another shares its
    pass.
    """
    stems = [
        tuple(follow[: max(positions)]) for follow, positions in zip(follows, scored, strict=True)
    ]
    extension = _longest_extensions(set(stems))
    readings: dict[tuple[int, ...], list[ScoredToken]] = {}
    for answer, (follow, positions) in enumerate(zip(follows, scored, strict=True)):
        tokens = readings.setdefault(extension[stems[answer]], [])
        tokens.extend((position, follow[position], answer) for position in positions)
    return tuple(completion_of(stem, (), table, device) for stem, table in readings.items())


def _longest_extensions(
    stems: Iterable[tuple[int, ...]],
) -> Mapping[tuple[int, ...], tuple[int, ...]]:
    """Return the longest stem that begins with each stem: in sorted order, the last one seen."""
    extension: dict[tuple[int, ...], tuple[int, ...]] = {}
    previous: tuple[int, ...] = ()
    for stem in sorted(stems, reverse=True):
        extension[stem] = (
            extension[previous] if previous[: len(stem)] == stem and previous else stem
        )
        previous = stem
    return extension
