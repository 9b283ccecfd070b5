"""Beam search for a word for each of many labels: too many combinations to try them all.

The beam goes through the labels; combinations of words so far are compared on the examples of their
labels. Then each word of the best combinations is changed alone, while that improves one of them.
"""

from dataclasses import dataclass

import numpy as np

from promptsearch.metrics.predictions import Ints
from promptsearch.searchers.answers.common.score_table import Floats32
from promptsearch.searchers.answers.prune.combinations import LabelWords, Lists, WordGroups
from promptsearch.searchers.answers.prune.swaps import WordSwap

PASSES = 10  # over all labels; two or three are mostly enough


@dataclass(frozen=True)
class BeamSearch:
    """The data that combinations are compared on, and the width of the beam."""

    table: Floats32  # (example, word)
    gold: Ints  # (example,)
    lists: Lists
    groups: WordGroups | None
    size: int

    def extended(self, words: Ints, label: int) -> list[LabelWords]:
        """Return the best of combinations (combination, label) with a word for the next label."""
        rows = self.gold <= label
        candidates = self.lists[label]
        swap = WordSwap(self.table[rows], self.gold[rows], words, label, candidates, self.groups)
        return self._distinct(swap.best(self.size))

    def changed(self, best: list[LabelWords], label: int) -> list[LabelWords]:
        """Return the best of these combinations and of those with another word for a label."""
        words = np.unique(np.delete(_words(best), label, axis=1), axis=0)
        swap = WordSwap(self.table, self.gold, words, label, self.lists[label], self.groups)
        return self._distinct([*best, *swap.best(self.size)])

    def _distinct(self, combinations: list[LabelWords]) -> list[LabelWords]:
        """Return the best, each once."""
        by_words = {each.words: each for each in reversed(combinations)}
        return sorted(by_words.values(), key=_rank)[: self.size]


def beam_combinations(
    table: Floats32,
    gold: Ints,
    lists: Lists,
    top: int,
    groups: WordGroups | None = None,
    width: int = 200,
) -> list[LabelWords]:
    """Return the `top` most accurate combinations that the beam meets; see `best_combinations`."""
    beam = BeamSearch(table, gold, lists, groups, max(width, top))
    words = np.array(lists[0])[:, None]  # (combination, label)
    for label in range(1, len(lists)):
        best = beam.extended(words, label)
        words = _words(best)
    return _improved(beam, best)[:top]


def _improved(beam: BeamSearch, best: list[LabelWords]) -> list[LabelWords]:
    for _ in range(PASSES):
        before = best
        for label in range(len(beam.lists)):
            best = beam.changed(best, label)
        if [each.words for each in best] == [each.words for each in before]:
            break
    return best


def _words(combinations: list[LabelWords]) -> Ints:
    """Return (combination, label) columns of the table."""
    return np.array([combination.words for combination in combinations])


def _rank(combination: LabelWords) -> tuple[float, float, tuple[int, ...]]:
    return -combination.correct, -combination.log_likelihood, combination.words
