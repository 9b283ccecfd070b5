"""Predictions of several labels at once: the log-odds of each, and a threshold that decides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from promptsearch.metrics.label_sets import (
    Bools,
    Threshold,
    best_threshold,
    indicator,
    set_counts,
)
from promptsearch.metrics.predictions import Floats, Ints, Predictions


@dataclass(frozen=True)
class MultiLabelPredictions(Predictions):
    """Predictions of one prompt for examples that may have any labels, or none.

    `log_right` is the mean over labels of log p of the right decision, whatever the threshold
    (uniform guesses: -log 2); `rank` is 1 where all decisions are right, else 2; `predicted` and
    `log_probs` say nothing. Build it with `MultiLabelPredictions.of`.
    """

    log_odds: Floats = field(default_factory=lambda: np.zeros((0, 0)))  # (example, label)
    threshold: float = 0.0

    @classmethod
    def of(
        cls,
        labels: tuple[str, ...],
        targets: Sequence[tuple[str, ...]],
        log_odds: Floats,
        threshold: float = 0.0,
    ) -> "MultiLabelPredictions":
        """Return the predictions; a label is decided for where its log-odds are above."""
        gold = indicator(targets, labels)
        log_right: Floats = log_sigmoid(np.where(gold, log_odds, -log_odds)).mean(1)
        rank = np.where(((log_odds > threshold) == gold).all(1), 1, 2)
        none = np.zeros_like(rank)
        return cls(
            labels, tuple(targets), log_right, none, rank, log_odds=log_odds, threshold=threshold
        )

    def at(self, threshold: float) -> "MultiLabelPredictions":
        """Return the same log-odds, decided at another threshold."""
        return MultiLabelPredictions.of(self.labels, self.targets, self.log_odds, threshold)

    def on_rows(self, rows: Sequence[int]) -> "MultiLabelPredictions":
        """Return the predictions for some of the examples, by their indices."""
        chosen = list(rows)
        targets = [self.targets[row] for row in chosen]
        of_rows = self.log_odds[chosen]
        return MultiLabelPredictions.of(self.labels, targets, of_rows, self.threshold)

    @cached_property
    def gold_sets(self) -> Bools:
        """(example, label), true where the label is right."""
        return indicator(self.targets, self.labels)

    @property
    def decided(self) -> Bools:
        """(example, label), true where the label is decided for."""
        decided: Bools = self.log_odds > self.threshold
        return decided

    @property
    def label_sets(self) -> list[tuple[str, ...]]:
        """The labels that are decided for, of each example."""
        return [tuple(np.array(self.labels, object)[row].tolist()) for row in self.decided]

    @property
    def counts(self) -> Ints:
        """The counts of `label_sets`, (example, 3 x label)."""
        return set_counts(self.gold_sets, self.decided)

    @property
    def shares_right(self) -> Floats:
        """Return (example,): the share of labels with the right decision."""
        shares: Floats = (self.gold_sets == self.decided).mean(1)
        return shares


def log_sigmoid(log_odds: Floats) -> Floats:
    """Return log p of log-odds."""
    values: Floats = -np.logaddexp(0.0, -log_odds)
    return values


def decided_by(predictions: Predictions, threshold: Threshold) -> Predictions:
    """Return the predictions at a threshold, or at that which is best on their own rows.

    Those of one label an example have none, and stay as they are.
    """
    if not isinstance(predictions, MultiLabelPredictions):
        return predictions
    if threshold == "dev":
        return predictions.at(best_threshold(predictions.log_odds, predictions.gold_sets))
    return predictions.at(float(threshold))


def decided_as(predictions: Predictions, row: Mapping[str, object]) -> Predictions:
    """Return the predictions at the threshold that scores or a prompt's row hold, if they do."""
    threshold = row.get("threshold")
    if not isinstance(threshold, int | float):
        return predictions
    return decided_by(predictions, float(threshold))
