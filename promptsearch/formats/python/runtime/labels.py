"""From answers to labels, and from several prompts to one ensemble."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from promptsearch.formats.python.runtime.data import (
    ANSWER_SCORE,
    CALIBRATION,
    ENSEMBLE,
    LENGTH_NORM,
    PROMPTS,
)
from promptsearch.formats.python.runtime.network import AnswerScorer
from promptsearch.formats.python.runtime.prompt import Prompt, Row


def row_log_probs(scorer: AnswerScorer, row: Row) -> dict[str, float]:
    """Return log p of each label in this row, by all prompts together."""
    log_probs = torch.stack([label_log_probs(scorer, row, prompt) for prompt in PROMPTS])
    weights = torch.tensor([prompt.weight for prompt in PROMPTS], dtype=torch.float64)
    combined = log_probs[0] if len(PROMPTS) == 1 else combine(log_probs.double(), weights)
    return dict(zip(PROMPTS[0].labels, combined.tolist(), strict=True))


def label_log_probs(scorer: AnswerScorer, row: Row, prompt: Prompt) -> Tensor:
    """Return (label,) log p of each label, by one prompt."""
    scores = normed(*scorer(row, prompt), prompt)
    by_answer = CALIBRATION == "pmi" and not prompt.no
    if by_answer:
        scores = scores - torch.tensor(prompt.prior)
    sizes = [len(answers) for answers in prompt.labels.values()]
    labels = label_scores(scores[: sum(sizes)], sizes)
    if prompt.no:
        labels = labels - scores[sum(sizes) :]
    if CALIBRATION != "none" and not by_answer:
        labels = labels - torch.tensor(prompt.prior)
    return labels.log_softmax(0)


def normed(scores: Tensor, tokens: Tensor, prompt: Prompt) -> Tensor:
    """Return (answer,) the scores divided by the length of each answer."""
    match LENGTH_NORM:
        case "token":
            return scores / tokens
        case "char" if not prompt.head and not prompt.has_options:  # which read no answers' text
            return scores / torch.tensor([sum(map(len, a.values())) for a in prompt.answers])
        case _:
            return scores


def label_scores(scores: Tensor, sizes: Sequence[int]) -> Tensor:
    """Return (label,) the score of each label; the first `sizes[0]` answers are the first's."""
    table = pad_sequence(scores.split(sizes), batch_first=True, padding_value=-torch.inf)
    match ANSWER_SCORE:  # of (label, answer)
        case "max":
            return table.amax(1)
        case "mean":
            return table.logsumexp(1) - torch.tensor(sizes).log()
        case _:
            return table.logsumexp(1)


def combine(log_probs: Tensor, weights: Tensor) -> Tensor:
    """Return (label,) log p of the ensemble, from (prompt, label) of its prompts."""
    log_probs = log_probs.clamp(min=-1e4)  # of log 0, so that a weight of 0 takes it away
    if ENSEMBLE == "mean":
        return (log_probs + weights.log()[:, None]).logsumexp(0).log_softmax(0)
    if ENSEMBLE != "vote":
        return (weights @ log_probs).log_softmax(0)
    votes = torch.zeros_like(log_probs[0]).index_add_(0, log_probs.argmax(1), weights)
    product = log_probs.sum(0).softmax(0)  # decides between equals: it is less than one vote
    smallest = weights[weights > 0].min()
    return (votes + smallest / 2 * product + math.exp(-100)).log().log_softmax(0)
