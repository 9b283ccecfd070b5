"""Combinations that differ in one label's word: sums over the other words are computed once."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from promptsearch.metrics.predictions import Ints
from promptsearch.searchers.answers.common.score_table import Floats32
from promptsearch.searchers.answers.prune.combinations import (
    COMPARED,
    LabelWords,
    WordGroups,
    summed,
)

NUMBERS = 1 << 22  # in memory together
SPARE = 4  # combinations looked at for each one that is returned: many are met several times

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FixedWords:
    """The words of all labels but one, on each example: one more word has to beat them."""

    highest: Floats  # (example, combination)
    first: Ints  # (example, combination): the label whose word that is, the first of equals
    total: Floats  # (example, combination): log of the sum of their probabilities
    right: Floats  # (example, combination): the right label's word, if it is among them

    @classmethod
    def of(cls, table: Floats32, gold: Ints, words: Ints, labels: Ints) -> "FixedWords":
        """Return the sums for `words` (combination, label) of these labels, in ascending order."""
        values = table[:, words].astype(np.float64)  # (example, combination, label)
        highest, total = summed(values)
        column = np.minimum(np.searchsorted(labels, gold), len(labels) - 1)
        right = values[np.arange(len(gold)), :, column]
        return cls(highest, labels[values.argmax(2)], total, right)


@dataclass(frozen=True)
class WordSwap:
    """The swap of one label's word for each candidate, with the words of the other labels fixed."""

    table: Floats32  # (example, word)
    gold: Ints  # (example,)
    words: Ints  # (combination, label), without the label's word
    label: int
    candidates: Ints  # (word,)
    groups: (
        WordGroups | None
    )  # (word,) equal numbers for the same tokens: no two labels may share them

    def best(self, count: int) -> list[LabelWords]:
        """Return the most accurate combinations, a few more than `count`; ties by log-likelihood.

        One that is met several times is among them as often.
        """
        parts = [*self._parts()]
        correct = np.concatenate([self._correct(part) for part in parts])  # (combination, word)
        if self.groups is not None:
            correct[self._repeating(self.groups)] = -1
        most = min(count * SPARE, int((correct >= 0).sum()))
        if not most:
            return []
        rows, columns = _highest(correct, most)
        log_likelihoods = self._log_likelihoods(parts, rows, columns)
        order = np.lexsort((-log_likelihoods, -correct[rows, columns]))[:most]
        rows, columns = rows[order], columns[order]
        combinations = np.insert(self.words[rows], self.label, self.candidates[columns], axis=1)
        each = zip(
            combinations.tolist(),
            correct[rows, columns].tolist(),
            log_likelihoods[order],
            strict=True,
        )
        return [LabelWords(tuple(words), count, float(value)) for words, count, value in each]

    def _repeating(self, groups: WordGroups) -> NDArray[np.bool_]:
        """Return (combination, word), true if the word is that of another label too."""
        is_repeated = groups[self.words][..., None] == groups[self.candidates]
        repeats: NDArray[np.bool_] = is_repeated.any(1)
        return repeats

    def _parts(self) -> Iterator[FixedWords]:
        """Yield the fixed words of as many combinations at a time as memory holds."""
        labels = np.delete(np.arange(self.words.shape[1] + 1), self.label)
        size = max(1, len(self.gold)) * (len(labels) + len(self.candidates))
        step = max(1, NUMBERS // size)
        for first in range(0, len(self.words), step):
            yield FixedWords.of(self.table, self.gold, self.words[first : first + step], labels)

    def _correct(self, fixed: FixedWords) -> Ints:
        """Return (combination, word) counts of examples where the right label's word is first."""
        new = self.table[:, None, self.candidates].astype(np.float64)  # (example, 1, word)
        highest = fixed.highest[..., None]
        wins = (new > highest) | ((new == highest) & (self.label < fixed.first)[..., None])
        of_label = self.gold == self.label
        stays = fixed.first[~of_label] == self.gold[~of_label, None]  # (example, combination)
        right: Ints = wins[of_label].sum(0) + (stays[..., None] & ~wins[~of_label]).sum(0)
        return right

    def _log_likelihoods(self, parts: list[FixedWords], rows: Ints, columns: Ints) -> Floats:
        """Return (chosen,) mean log p of the right labels, of these combinations and words."""
        total = np.concatenate([part.total for part in parts], 1)  # (example, combination)
        right = np.concatenate([part.right for part in parts], 1)[:, rows]
        new = self.table[:, self.candidates].astype(np.float64)  # (example, word)
        right[self.gold == self.label] = new[self.gold == self.label][:, columns]
        top = np.maximum(total.max(1), new.max(1))[:, None]  # log p: far smaller terms vanish
        together = np.exp(total - top)[:, rows] + np.exp(new - top)[:, columns]
        means: Floats = (right - np.log(together) - top).mean(0)
        return means


def _highest(correct: Ints, most: int) -> tuple[Ints, Ints]:
    """Return rows and columns of the `most` highest of (combination, word), and their ties."""
    cut = -np.partition(-correct, most - 1, None)[most - 1]
    sure, ties = np.argwhere(correct > cut), np.argwhere(correct == cut)[:COMPARED]
    rows, columns = np.concatenate([sure, ties]).T
    return rows, columns
