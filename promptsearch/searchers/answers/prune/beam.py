"""Words for many labels, where there are too many combinations to try them all.

A beam goes through the labels, judging the words so far on their own labels' examples. Then each
word of the best combinations is changed alone, as long as that makes one of them better.
"""

from dataclasses import dataclass

import numpy as np

from promptsearch.metrics.predictions import Ints
from promptsearch.searchers.answers.common.score_table import Floats32
from promptsearch.searchers.answers.prune.combinations import Alike, Lists, LabelWords
from promptsearch.searchers.answers.prune.swaps import WordSwap

PASSES = 10  # over all labels; two or three are mostly enough


@dataclass(frozen=True)
class BeamState:
    """What combinations are judged by, and how many are kept."""

    table: Floats32  # (example, word)
    gold: Ints  # (example,)
    lists: Lists
    alike: Alike | None
    size: int

    def grown(self, words: Ints, label: int) -> list[LabelWords]:
        """The best of combinations (combination, label) with a word for the next label."""
        rows = self.gold <= label
        candidates = self.lists[label]
        change = WordSwap(self.table[rows], self.gold[rows], words, label, candidates, self.alike)
        return self._apart(change.best(self.size))

    def changed(self, best: list[LabelWords], label: int) -> list[LabelWords]:
        """The best of these and of those with another word for a label."""
        words = np.unique(np.delete(_words(best), label, axis=1), axis=0)
        change = WordSwap(self.table, self.gold, words, label, self.lists[label], self.alike)
        return self._apart([*best, *change.best(self.size)])

    def _apart(self, pairings: list[LabelWords]) -> list[LabelWords]:
        """The best, each once."""
        known = {each.words: each for each in reversed(pairings)}
        return sorted(known.values(), key=_rank)[: self.size]


def beam_pairings(
    table: Floats32,
    gold: Ints,
    lists: Lists,
    top: int,
    alike: Alike | None = None,
    width: int = 200,
) -> list[LabelWords]:
    """As `pairing.best_pairings`, but of the combinations that the beam meets."""
    field = BeamState(table, gold, lists, alike, max(width, top))
    words = np.array(lists[0])[:, None]  # (combination, label)
    for label in range(1, len(lists)):
        best = field.grown(words, label)
        words = _words(best)
    return _climbed(field, best)[:top]


def _climbed(field: BeamState, best: list[LabelWords]) -> list[LabelWords]:
    for _ in range(PASSES):
        before = best
        for label in range(len(field.lists)):
            best = field.changed(best, label)
        if [each.words for each in best] == [each.words for each in before]:
            break
    return best


def _words(pairings: list[LabelWords]) -> Ints:
    """(combination, label)"""
    return np.array([pairing.words for pairing in pairings])


def _rank(pairing: LabelWords) -> tuple[float, float, tuple[int, ...]]:
    return -pairing.correct, -pairing.log_likelihood, pairing.words
