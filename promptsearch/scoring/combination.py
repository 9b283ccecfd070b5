"""Combination of several prompts' predictions, with log p in nats."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from promptsearch.metrics.predictions import Predictions

Rule = Literal["uniform", "mean", "mixture", "rank", "optimised", "greedy", "vote"]
RULES: tuple[Rule, ...] = get_args(Rule)
LEARNED: tuple[Rule, ...] = ("mixture", "optimised", "greedy")
MEANS: tuple[Rule, ...] = ("mean", "mixture")  # of probabilities; the others multiply them
NEVER = -1e4  # stands for log 0, so that a weight of 0 takes it away

Floats = NDArray[np.float64]
Logs = NDArray[np.float32] | NDArray[np.float64]
Right = Sequence[Sequence[int]]  # for each example its right labels, one or more


def combine(log_probs: Logs, weights: Sequence[float], rule: Rule) -> Floats:
    """Return (example, label) log p of the ensemble, from its members' (member, example, label).

    `mean` and `mixture` are the weighted mean of probabilities. Votes count for a member's
    likeliest label; the product of all members, which is less than one vote, breaks ties. The
    others are products of experts: softmax over the labels of the weighted sum of log p (LPAQA,
    section 4.3).
    """
    if rule in MEANS:
        return _log_mean(log_probs, weights)
    if rule != "vote":
        return _log_softmax(_weighted(log_probs, weights))
    first = log_probs.argmax(2)[..., None] == np.arange(log_probs.shape[2])
    votes = np.tensordot(np.array(weights), first.astype(np.float64), 1)  # (example, label)
    doubt = np.exp(_log_softmax(_weighted(log_probs, [1.0] * len(log_probs))))
    smallest = min(weight for weight in weights if weight > 0)
    values: Floats = np.log(votes + smallest / 2 * doubt + np.exp(NEVER / 100))
    return _log_softmax(values)


def only_choices(values: Floats, log_probs: Logs) -> Floats:
    """Return log p (example, choice) of an ensemble without what no member gives a probability.

    Those are the columns beyond an example's choices.
    """
    return _log_softmax(np.where(np.isneginf(log_probs).all(0), -np.inf, values))


def together(members: Sequence[Predictions], rule: Rule) -> Predictions:
    """Return the predictions of an ensemble of classification prompts, by a rule without learning.

    All labels' log-probabilities must be known. Ranks are 1 or 2: nothing asks for more.
    """
    first = members[0]
    tables = [member.log_probs for member in members if member.log_probs is not None]
    log_probs = combine(np.stack(tables), fixed_weights(len(tables), rule), rule)
    predicted, rows = log_probs.argmax(1), np.arange(len(log_probs))
    rank = np.where(first.rank == 0, 0, np.where(predicted == first.gold, 1, 2))
    log_right = log_probs[rows, first.gold]
    return Predictions(first.labels, first.targets, log_right, predicted, rank, log_probs)


def fixed_weights(members: int, rule: Rule) -> list[float]:
    """Return a weight for each member, best first, by a rule that learns none."""
    if rule == "rank":
        return rank_weights(members)
    return [1 / members] * members if rule in MEANS else uniform(members)


def uniform(members: int) -> list[float]:
    """Return a weight of 1 for each member: the sum of log p (LPAQA's top-k)."""
    return [1.0] * members


def rank_weights(members: int) -> list[float]:
    """Return the reciprocal ranks 1, 1/2, 1/3, ... as weights."""
    return [1 / rank for rank in range(1, members + 1)]


def greedy(log_probs: Logs, right: Right, rounds: int = 30) -> list[float]:
    """Return weights by adding members one by one, with repetition, while log p(right) grows.

    Forward selection with replacement (Caruana et al. 2004, "Ensemble Selection from Libraries of
    Models"); the weights are shares of the picks.
    """
    values = np.maximum(log_probs, NEVER)
    picked, total, best = [0] * len(values), np.zeros(values.shape[1:]), -np.inf
    for taken in range(1, rounds + 1):
        gains = [log_likelihood(_log_softmax((total + added) / taken), right) for added in values]
        first = int(np.argmax(gains))
        if gains[first] <= best:
            break
        best, total = gains[first], total + values[first]
        picked[first] += 1
    return [count / sum(picked) for count in picked]


def mixture_weights(log_right: Logs, rounds: int = 1000, least: float = 1e-7) -> Floats:
    """Return the weights p(t) of a mixture, which add up to 1, from log p(right) (member, example).

    By expectation maximisation from equal weights, as Qin and Eisner (2021), "Learning How to Ask",
    section 2.4, https://arxiv.org/abs/2104.06599; it ends where no weight moves by `least`.
    """
    weights: Floats = np.full(len(log_right), 1 / len(log_right))
    for _ in range(rounds):
        before, weights = weights, responsibilities(log_right, weights).mean(1)
        if np.abs(weights - before).max() < least:
            break
    return weights


def responsibilities(log_right: Logs, weights: Floats) -> Floats:
    """Return (member, example) p(t | right, example), from log p(right) and the weights p(t)."""
    with np.errstate(divide="ignore"):  # log 0 of a weight of 0
        logs = np.log(weights)[:, None] + np.maximum(log_right, NEVER)
    return np.exp(_log_softmax(logs.T)).T


def log_right_of(log_probs: Logs, right: Right) -> Floats:
    """Return (member, example) log p of the right labels together."""
    rows = zip(log_probs.transpose(1, 0, 2), right, strict=True)
    return np.stack([np.logaddexp.reduce(row[:, list(labels)], 1) for row, labels in rows], 1)


def log_likelihood(log_probs: Floats, right: Right) -> float:
    """Return the mean over examples of log p of the right labels together."""
    rows = zip(log_probs, right, strict=True)
    return float(np.mean([np.logaddexp.reduce(row[list(labels)]) for row, labels in rows]))


def _weighted(log_probs: Logs, weights: Sequence[float]) -> Floats:
    total = np.zeros(log_probs.shape[1:])
    for weight, member in zip(weights, log_probs, strict=True):
        if weight:
            total += weight * np.maximum(member, NEVER)
    return total


def _log_mean(log_probs: Logs, weights: Sequence[float]) -> Floats:
    shares = np.array(weights)[:, None, None] / sum(weights)
    with np.errstate(divide="ignore"):  # log 0 of a weight of 0
        return _log_softmax(np.logaddexp.reduce(np.log(shares) + np.maximum(log_probs, NEVER), 0))


def _log_softmax(values: Floats) -> Floats:
    shifted = values - values.max(-1, keepdims=True)
    normed: Floats = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return normed
