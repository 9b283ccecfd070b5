"""Exhaustive search: all combinations of a word for each label, compared at once.

LM-BFF's label search (Gao et al. 2021, section 5.1) tries all combinations of one candidate a
label and keeps those that are right most often. Here "label a's word beats label b's word on
example n" is one bit, so a combination takes a few ANDs and one count of bits.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations, permutations
from math import prod

import numpy as np
from numpy.typing import NDArray

from promptsearch.metrics.predictions import Ints
from promptsearch.searchers.answers.common.score_table import Floats32

AT_ONCE = 1 << 21  # bytes of bits, or numbers, in memory together
COMPARED = 20_000  # combinations equal at the cut that are told apart by log-likelihood

Bits = NDArray[np.uint8]
Counts = NDArray[np.int32]
Lists = Sequence[Ints]  # for each label, in order, its candidates as columns of the table
WordGroups = Ints  # (word,): equal numbers for words that are the same tokens to the model


@dataclass(frozen=True)
class LabelWords:
    """A word for each label (columns of the table), and the scores on the examples."""

    words: tuple[int, ...]
    correct: int  # examples; of equal words the first label wins
    log_likelihood: float  # mean log p(right label), the labels' words alone compared


def best_combinations(
    table: Floats32, gold: Ints, lists: Lists, top: int, groups: WordGroups | None = None
) -> list[LabelWords]:
    """Return the `top` most accurate combinations; ties by log-likelihood, then the earliest.

    `table` (example, word), `gold` (example,). With `groups`, no word stands for two labels.
    """
    sizes = [len(columns) for columns in lists]
    correct = np.concatenate([*_counts(table, gold, lists)])  # (combination,)
    if groups is not None:
        correct[_repeating(lists, groups)] = -1
    valid = int((correct >= 0).sum())
    cut = -np.partition(-correct, min(top, valid) - 1)[min(top, valid) - 1] if valid else 0
    sure = np.flatnonzero(correct > cut)
    ties = np.flatnonzero(correct == cut)[:COMPARED] if valid else sure[:0]
    chosen = np.concatenate([sure, ties])
    positions = np.unravel_index(chosen, sizes)
    words = np.stack(
        [columns[index] for columns, index in zip(lists, positions, strict=True)], axis=1
    )
    return ordered(words, correct[chosen].astype(np.int64), log_likelihoods(table, gold, words))[
        :top
    ]


def ordered(words: Ints, correct: Ints, log_likelihood: NDArray[np.float64]) -> list[LabelWords]:
    """Return combinations, best first, of (combination, label), (combination,) x 2."""
    order = np.lexsort((np.arange(len(words)), -log_likelihood, -correct))
    return [
        LabelWords(tuple(map(int, words[i])), int(correct[i]), float(log_likelihood[i]))
        for i in order
    ]


def log_likelihoods(table: Floats32, gold: Ints, words: Ints) -> NDArray[np.float64]:
    """Return (combination,) mean log p of the right labels; `words` is (combination, label)."""
    values_of = np.empty(len(words))
    step = max(1, AT_ONCE // (len(table) * words.shape[1]))
    for first in range(0, len(words), step):
        values = table[:, words[first : first + step]].astype(np.float64)
        right = values[np.arange(len(gold)), :, gold]  # (example, combination)
        values_of[first : first + step] = (right - summed(values)[1]).mean(0)
    return values_of


def summed(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the highest and the log of the sum over labels, both (example, combination).

    `values` is log p (example, combination, label).
    """
    highest = values.max(2)
    return highest, highest + np.log(np.exp(values - highest[..., None]).sum(2))


def _counts(table: Floats32, gold: Ints, lists: Lists) -> Iterator[Counts]:
    """Yield the number of examples that each combination gets right, in product order."""
    labels = range(len(lists))
    wins = {pair: _wins(table, gold, lists, *pair) for pair in permutations(labels, 2)}
    rest = [len(columns) for columns in lists[1:]]
    planes = max(len(bits) for bits in wins.values())
    step = max(1, AT_ONCE // (prod(rest) * planes))
    for first in range(0, len(lists[0]), step):
        chunk = slice(first, first + step)
        count = np.zeros((len(lists[0][chunk]), *rest), dtype=np.int32)
        for label in labels:
            count += _right(label, wins, chunk, len(lists))
        yield count.ravel()


def _right(label: int, wins: dict[tuple[int, int], Bits], chunk: slice, labels: int) -> Counts:
    """Return, by combination, how many of the label's examples its word wins."""
    rivals = [rival for rival in range(labels) if rival != label]
    spread = [_spread(wins[label, rival], label, rival, labels, chunk) for rival in rivals]
    count: Counts = np.bitwise_count(reduce(np.bitwise_and, spread)).sum(0, dtype=np.int32)
    return count


def _spread(bits: Bits, label: int, rival: int, labels: int, chunk: slice) -> Bits:
    """Return bits (eight examples, label's word, rival's word) along the axes of the product."""
    if label > rival:
        bits = bits.swapaxes(1, 2)
    shape = [len(bits), *[1] * labels]
    shape[1 + min(label, rival)], shape[1 + max(label, rival)] = bits.shape[1:]
    spread = bits.reshape(shape)
    return spread[:, chunk] if 0 in (label, rival) else spread


def _wins(table: Floats32, gold: Ints, lists: Lists, label: int, rival: int) -> Bits:
    """Return bits: the label's word beats the rival's, on each of the label's examples."""
    rows = table[gold == label]
    bits = np.zeros((-(-len(rows) // 8), len(lists[label]), len(lists[rival])), dtype=np.uint8)
    beats = np.greater_equal if label < rival else np.greater
    for index, row in enumerate(rows):
        won = beats(row[lists[label]][:, None], row[lists[rival]])
        bits[index // 8] |= won.view(np.uint8) << np.uint8(index % 8)
    return bits


def _repeating(lists: Lists, groups: WordGroups) -> NDArray[np.bool_]:
    """Return (combination,), true if a word stands for two labels."""
    sizes = [len(columns) for columns in lists]
    repeats = np.zeros(sizes, dtype=np.bool_)
    for first, second in combinations(range(len(lists)), 2):
        shape = [1] * len(sizes)
        shape[first], shape[second] = sizes[first], sizes[second]
        is_repeated = groups[lists[first]][:, None] == groups[lists[second]][None]
        repeats |= is_repeated.reshape(shape)
    return repeats.ravel()
