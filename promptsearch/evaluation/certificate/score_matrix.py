"""Scores of prompts on the same rows, as arrays, from which winners are chosen and scored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from promptsearch.data import TaskKind
from promptsearch.metrics import METRIC, METRICS, per_example
from promptsearch.metrics.metric import counts_of, has_texts
from promptsearch.metrics.predictions import Floats, Ints, Predictions

MEANS = tuple(metric.key for metric in METRICS if metric.per_example)  # F1 is no such mean
DECISIONS = "hamming"  # a mean of several labels at once alone
ChooseWinner = Callable[[Ints], int]  # rows -> the prompt that is best on them


@dataclass(frozen=True)
class ScoreMatrix:
    """Scores with axes (prompt, row); `values` are the rows' values of metrics that are means."""

    values: Mapping[str, Floats]
    predicted: Ints
    labels: tuple[str, ...]
    negative: str | None = None
    gold: Ints | None = None  # (row,), of classification
    log_probs: Floats | None = None  # (prompt, row, label), where the labels are few
    counts: Ints | None = None  # (prompt, row, count), of several labels, sentences, texts

    @classmethod
    def of(
        cls, batch: Sequence[Predictions], kind: TaskKind, negative: str | None = None
    ) -> "ScoreMatrix":
        """Return the matrix of predictions on the same rows, one a prompt."""
        first = batch[0]
        values = {
            name: np.stack([per_example(predictions, name) for predictions in batch])
            for name in MEANS
            if name in kind.metric_keys or name != DECISIONS
        }
        predicted = np.stack([predictions.predicted for predictions in batch])
        of_counts = kind.label_sets or kind.values or kind.has_sentences
        if of_counts or all(map(has_texts, batch)):
            counts = [each for each in map(counts_of, batch) if each is not None]
            return cls(values, predicted, first.labels, counts=np.stack(counts))
        if not kind.has_labels:
            return cls(values, predicted, first.labels)
        log_probs = [
            predictions.log_probs for predictions in batch if predictions.log_probs is not None
        ]
        known = np.stack(log_probs) if len(log_probs) == len(batch) else None
        return cls(values, predicted, first.labels, negative, first.gold, known)

    @property
    def strata(self) -> Ints:
        """Stratum of each row, (row,): its label; facts and sets of labels are all alike."""
        return np.zeros(self.predicted.shape[1], dtype=np.int64) if self.gold is None else self.gold

    def relabelled(self, gold: Ints) -> "ScoreMatrix":
        """Return the same prompts' scores if the rows had these labels."""
        assert self.log_probs is not None, "asked only where they are kept"
        rows = np.arange(len(gold))
        hits = (self.predicted == gold).astype(np.float64)
        values = {"accuracy": hits, "log_likelihood": self.log_probs[:, rows, gold]}
        return replace(self, values=values, gold=gold)

    def choice(self, objective: str) -> ChooseWinner:
        """Return the rule that chooses the best prompt on some rows.

        Ties go to the larger log-likelihood, then to the first. The order of prompts must not come
        from their scores on these rows.
        """
        likelihood = self.values["log_likelihood"]
        if objective in MEANS:
            return best_by(self.values[objective], likelihood)

        def choose(rows: Ints) -> int:
            values = np.array(
                [self.score(objective, prompt, rows) for prompt in range(len(likelihood))]
            )
            return best_by(values[:, None], likelihood[:, rows].sum(axis=1)[:, None])(np.array([0]))

        return choose

    def score(self, metric: str, prompt: int, rows: Ints) -> float:
        """Return the metric of one prompt on some rows."""
        if metric in MEANS:
            return float(self.values[metric][prompt, rows].mean())
        of_counts = METRIC[metric].of_counts
        if self.counts is not None and of_counts is not None:
            return of_counts(self.counts[prompt, rows])
        of_labels, predicted = METRIC[metric].of_labels, self.predicted[prompt, rows]
        assert of_labels is not None, f"{metric} is neither a mean nor a ratio"
        assert self.gold is not None, f"{metric} is for classification"
        return of_labels(self.gold[rows], predicted, self.labels, self.negative)

    def value(self, metric: str, chosen: Ints) -> Floats:
        """Return (row,) values whose mean is the metric; prompt `chosen[row]` answers the row."""
        rows = np.arange(len(chosen))
        if metric in MEANS:
            return self.values[metric][chosen, rows]
        count_shares = METRIC[metric].count_shares
        if self.counts is not None and count_shares is not None:
            return count_shares(self.counts[chosen, rows])
        shares, predicted = METRIC[metric].shares, self.predicted[chosen, rows]
        assert shares is not None, f"{metric} is neither a mean nor a ratio"
        assert self.gold is not None, f"{metric} is for classification"
        return shares(self.gold, predicted, self.labels, self.negative)

    def alone(self, metric: str, prompt: int = 0) -> Floats:
        """Return (row,) values whose mean is the metric of one prompt that answers all rows."""
        return self.value(metric, np.full(self.predicted.shape[1], prompt))


def best_by(*rankings: Floats) -> ChooseWinner:
    """Return the choice by the mean of the first ranking values (prompt, row).

    Ties go to the next ranking, then to the first prompt.
    """

    def choose(rows: Ints) -> int:
        tied = np.arange(len(rankings[0]))
        for values in rankings:
            sums = values[np.ix_(tied, rows)].sum(axis=1)
            tied = tied[sums >= sums.max() - 1e-9]
        return int(tied[0])

    return choose
