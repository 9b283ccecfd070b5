"""Examples that a prompt answers wrongly, and how sure it is of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptsearch.data import Dataset, Example
from promptsearch.metrics.predictions import Predictions


@dataclass(frozen=True)
class Mistake:
    """One example; probabilities are None where they are not kept, or nothing right can be said."""

    example: Example
    predicted: str
    p_predicted: float | None
    p_right: float | None
    words: tuple["SlotWords", ...] = ()


@dataclass(frozen=True)
class SlotWords:
    """The words that a model finds likeliest at a slot, with their shares of its whole words."""

    slot: str
    words: tuple[tuple[str, float], ...]


def worst(judged: Predictions, most: int) -> list[int]:
    """Places of wrong examples, those first that have the least probability of what is right.

    Those whose right answer cannot be said come last: they show nothing about the prompt.
    """
    wrong = np.flatnonzero(~judged.hits)
    order = np.lexsort((wrong, judged.log_right[wrong], judged.rank[wrong] == 0))
    indices: list[int] = wrong[order][:most].tolist()
    return indices


def mistakes(judged: Predictions, examples: Dataset, indices: Sequence[int]) -> tuple[Mistake, ...]:
    """Return what was said of the examples at these places."""
    return tuple(_mistake(judged, examples, index) for index in indices)


def _mistake(judged: Predictions, examples: Dataset, index: int) -> Mistake:
    predicted = int(judged.predicted[index])
    known = judged.log_probs
    return Mistake(
        examples[index],
        judged.labels[predicted],
        None if known is None else float(np.exp(known[index, predicted])),
        float(np.exp(judged.log_right[index])) if judged.rank[index] else None,
    )
