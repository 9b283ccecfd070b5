"""PETAL's scores of a word for a label.

Schick, Schmid and Schütze (2020), "Automatically Identifying Words That Can Serve as Labels for
Few-Shot Text Classification", section 4. https://arxiv.org/abs/2010.13641

With q(example) the probability of the word at the slot, and s = #negative / #positive examples:

    llr = s (sum_pos log q - sum_pos log(1 - q)) + sum_neg log(1 - q) - sum_neg log q
    ce  = s  sum_pos log q                       + sum_neg log(1 - q)

In log space and float64: the release's float32 probabilities become 0, and its scores NaN.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from promptsearch.metrics.predictions import Ints

Measure = Literal["llr", "ce"]
Floats = NDArray[np.float64]


def word_scores(log_q: Floats, positive: NDArray[np.bool_], by: Measure, balanced: bool) -> Floats:
    """(word,): the higher, the better the word tells the positive examples from the others.

    `log_q` (example, word), `positive` (example,). Not `balanced`: s = 1.
    """
    of_label, others = log_q[positive], log_q[~positive]
    weight = len(others) / len(of_label) if balanced else 1.0
    scores: Floats
    if by == "ce":
        scores = weight * of_label.sum(0) + _log_1_minus(others).sum(0)
    else:
        scores = weight * (of_label - _log_1_minus(of_label)).sum(0)
        scores += (_log_1_minus(others) - others).sum(0)
    return scores


def label_words(
    log_q: Floats, gold: Ints, by: Measure, candidates: int, balanced: bool = True
) -> list[Ints]:
    """For each label the words (columns), best first; ties to the first.

    `log_q` (template, example, word): the scores of several templates add up (PETAL's joint mode).
    Of each label only the `candidates` (0: all) with the highest sum of log q over its examples
    are compared.
    """
    ranked = []
    for label in range(int(gold.max()) + 1):
        positive = gold == label
        scores = sum(
            word_scores(log_q_of_template, positive, by, balanced) for log_q_of_template in log_q
        )
        likely = np.argsort(-log_q[:, positive].sum((0, 1)), kind="stable")
        eligible = np.sort(likely[: candidates or None])
        ranked.append(eligible[np.argsort(-np.asarray(scores)[eligible], kind="stable")])
    return ranked


def _log_1_minus(log_q: Floats) -> Floats:
    """log(1 - q) without loss where q is near 0 or 1; finite for q = 1 too."""
    below = np.minimum(log_q, -1e-300)
    values = np.log(-np.expm1(below))
    small = below < -0.693  # q below 1/2: 1 - q would lose what is small in it
    values[small] = np.log1p(-np.exp(below[small]))
    return values
