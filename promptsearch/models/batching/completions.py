"""What is asked of a text: fillings to pass through the model, and what to read from each.

The same probes serve many texts, so they are made once per set of answers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ScoredToken = tuple[
    int, int, int
]  # (place, token, answer): log p(token) at the place counts for it


@dataclass(frozen=True, eq=False)
class Completion:
    """One filling of a text, and the log-probabilities to read from its pass.

    Masked: `fill` goes into the slots, `counts[s]` tokens into slot s, places index `fill`.
    Otherwise `fill` continues the text, and place i predicts `fill[i]` (or what would follow).
    """

    fill: tuple[int, ...]
    counts: tuple[int, ...]
    positions: tuple[int, ...]  # where output is read, ascending
    position_index: Tensor  # (reading,) index into places
    tokens: Tensor  # (reading,)
    answer_index: Tensor  # (reading,) the answer that the reading counts for


@dataclass(frozen=True, eq=False)
class Completions:
    """All that one text is asked; `divisors` is (answer,), what each answer's sum is divided by."""

    completions: tuple[Completion, ...]
    divisors: Tensor

    @property
    def longest(self) -> int:
        return max(len(completion.fill) for completion in self.completions)


def completion_of(
    fill: Sequence[int],
    counts: Sequence[int],
    readings: Iterable[ScoredToken],
    device: torch.device,
) -> Completion:
    """A probe from its readings."""
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
    """Probes for texts that go on in different ways.

    `follows[a]` are the ids of answer a and all around it, `scored[a]` the places among them that
    count. The last token need not be passed; ways that begin another way share its pass.
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
    """The longest-lived stem that begins with each stem: in sorted order, the last one seen."""
    extension: dict[tuple[int, ...], tuple[int, ...]] = {}
    previous: tuple[int, ...] = ()
    for stem in sorted(stems, reverse=True):
        extension[stem] = (
            extension[previous] if previous[: len(stem)] == stem and previous else stem
        )
        previous = stem
    return extension
