"""Words for many labels, where there are too many combinations to try them all.

A beam goes through the labels, judging the words so far on their own labels' examples. Then each
word of the best combinations is changed alone, as long as that makes one of them better.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptsearch.metrics import Ints
from promptsearch.searchers.answering.pairing import (
    Alike,
    Lists,
    Pairing,
    log_likelihoods,
    ordered,
)
from promptsearch.searchers.answering.table import Floats32

PASSES = 10  # over all labels; two or three are mostly enough


@dataclass(frozen=True)
class Field:
    """What combinations are judged by."""

    table: Floats32  # (example, word)
    gold: Ints  # (example,)
    lists: Lists
    alike: Alike | None

    def best(self, words: Ints, count: int) -> list[Pairing]:
        """The best of different combinations (combination, label) of the first labels."""
        words = np.unique(words, axis=0)
        if self.alike is not None:
            words = words[~_repeats(self.alike[words])]
        rows = self.gold < words.shape[1]
        table, gold = self.table[rows], self.gold[rows]
        correct = _correct(table, gold, words)
        return ordered(words, correct, log_likelihoods(table, gold, words))[:count]


def beam_pairings(
    table: Floats32,
    gold: Ints,
    lists: Lists,
    top: int,
    alike: Alike | None = None,
    width: int = 200,
) -> list[Pairing]:
    """As `pairing.best_pairings`, but of the combinations that the beam meets."""
    field, size = Field(table, gold, lists, alike), max(width, top)
    words = np.array(lists[0])[:, None]  # (combination, label)
    for label in range(1, len(lists)):
        grown = [np.column_stack([words, np.full(len(words), word)]) for word in lists[label]]
        best = field.best(np.concatenate(grown), size)
        words = np.array([pairing.words for pairing in best])
    return _climbed(field, best, size)[:top]


def _climbed(field: Field, best: list[Pairing], size: int) -> list[Pairing]:
    for _ in range(PASSES):
        before = best
        for label, own in enumerate(field.lists):
            words = np.array([pairing.words for pairing in best])
            around = [words, *(_with(words, label, word) for word in own)]
            best = field.best(np.concatenate(around), size)
        if best == before:
            break
    return best


def _with(words: Ints, label: int, word: int) -> Ints:
    changed = words.copy()
    changed[:, label] = word
    return changed


def _correct(table: Floats32, gold: Ints, words: Ints) -> Ints:
    """(combination,): examples on which the right label's word is the likeliest."""
    found = np.zeros(len(words), dtype=np.int64)
    for row, right in zip(table, gold, strict=True):
        found += row[words].argmax(1) == right
    return found


def _repeats(words: Ints) -> NDArray[np.bool_]:
    """(combination,): whether two labels' words are alike."""
    arranged = np.sort(words, axis=1)
    repeats: NDArray[np.bool_] = (arranged[:, 1:] == arranged[:, :-1]).any(1)
    return repeats
