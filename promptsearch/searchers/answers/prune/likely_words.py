"""The words that a model expects for each label: LM-BFF's pruning (Gao et al. 2021, 5.1)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from promptsearch.metrics.predictions import Ints
from promptsearch.searchers.answers.common.score_table import Floats32
from promptsearch.searchers.common.interleave import interleave


def most_likely_words(
    table: Floats32, gold: Ints, count: int, groups: Sequence[int] | None = None
) -> list[Ints]:
    """Return, for each label, the words of the highest mean log p over its examples, best first.

    `table` (example, word). `groups` (word,) are numbers of tokens: a longer word's log p is a sum
    over more of them, so words of equal length are compared, and the lengths take turns.
    """
    lengths = np.ones(table.shape[1], dtype=np.int64) if groups is None else np.array(groups)
    return [
        _best(table[gold == label].mean(0, dtype=np.float64), lengths, count)
        for label in range(int(gold.max()) + 1)
    ]


def nearest(
    lists: Sequence[Ints], rows: Floats32, seeds: Sequence[Floats32], count: int
) -> list[Ints]:
    """Return, for each label, the words nearest to one of its seed words, nearest first.

    `rows` (word, hidden) are the output embeddings of the words, `seeds` (seed, hidden) those of
    each label's seeds; near means of high cosine. Equals keep their order.
    """
    nearest_of = []
    for words, around in zip(lists, seeds, strict=True):
        cosine = (_unit(rows[words]) @ _unit(around).T).max(1)  # (word,)
        nearest_of.append(words[np.argsort(-cosine, kind="stable")[:count]])
    return nearest_of


def _unit(rows: Floats32) -> Floats32:
    unit: Floats32 = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def _best(means: NDArray[np.float64], lengths: Ints, count: int) -> Ints:
    order = np.argsort(-means, kind="stable")
    turns = [order[lengths[order] == length].tolist() for length in np.unique(lengths)]
    return np.array([*interleave(turns)][:count])
