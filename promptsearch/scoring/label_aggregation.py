"""From answers to labels: log-probabilities of answers become those of labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf, log
from typing import TYPE_CHECKING, Literal

import numpy as np

from promptsearch.data import Dataset
from promptsearch.metrics.predictions import Floats, Ints, Predictions
from promptsearch.models import LanguageModel, OptionsScore
from promptsearch.prompt import Verbalizer

if TYPE_CHECKING:
    from torch import Tensor

AnswerScore = Literal["sum", "mean", "max"]
LISTED = 1024  # with more labels than this, what is said of each is not kept


@dataclass(frozen=True)
class LabelAggregation:
    """The columns of a table of answers that belong to each label.

    `same` leads from a label to the first that the model cannot tell from it (itself, mostly).
    """

    labels: tuple[str, ...]
    columns: tuple[tuple[int, ...], ...]
    canonical_label: tuple[int, ...]
    answer_score: AnswerScore
    no_columns: tuple[int, ...] = ()  # of what a label's score is against; () where it is by itself
    merges: bool = False  # whether labels that the model reads alike count as one

    @classmethod
    def of(
        cls,
        verbalizer: Verbalizer,
        model: LanguageModel,
        answer_score: AnswerScore,
        facts: bool,
        options_score: OptionsScore = "logit",
    ) -> "LabelAggregation":
        """Return the aggregation for a model, which may read several candidates of facts alike.

        Options are scored as `options_score` says; other labels with a `no` by their log-odds.
        """
        column = {answer: i for i, answer in enumerate(verbalizer.answers)}
        columns = tuple(tuple(column[a] for a in answers) for _, answers in verbalizer.pairs)
        alike = same_answers(model, verbalizer) if facts else range(len(columns))
        by_itself = options_score == "logit" and verbalizer.rates_options
        against = () if by_itself else tuple(column[answer] for answer in verbalizer.no_answers)
        return cls(verbalizer.labels, columns, tuple(alike), answer_score, against, facts)

    @cached_property
    def duplicate_labels(self) -> list[int]:
        """Labels that count as another one."""
        return [label for label, first in enumerate(self.canonical_label) if label != first]

    @cached_property
    def _one_each(self) -> bool:
        return not self.no_columns and self.columns == tuple((i,) for i in range(len(self.columns)))

    def label_log_probs(self, log_probs: "Tensor") -> "Tensor":
        """log p(label | input), (row, label), from the answers', (row, answer)."""
        return self.label_scores(log_probs).log_softmax(1)

    def label_scores(self, log_probs: "Tensor") -> "Tensor":
        """Return the labels' scores before the softmax: their answers' probabilities together."""
        import torch

        if not self._one_each or log_probs.shape[1] > len(self.columns):
            scores = [self._score(log_probs[:, list(columns)]) for columns in self.columns]
            labels = torch.stack(scores, dim=1)
            log_probs = labels - log_probs[:, list(self.no_columns)] if self.no_columns else labels
        if self.duplicate_labels:
            where = torch.tensor(self.duplicate_labels, device=log_probs.device)
            log_probs = log_probs.index_fill(1, where, -inf)
        return log_probs

    def values(self, log_probs: "Tensor") -> "Tensor":
        """Return what predictions are made of, (row, label): log p of the labels."""
        return self.label_log_probs(log_probs)

    def builder(self, examples: Dataset) -> "PredictionsBuilder":
        """Return the empty predictions of examples, which `values` fill."""
        return PredictionsBuilder.of(self, examples)

    def log_right(self, log_probs: "Tensor", right: Sequence[Sequence[int]]) -> "Tensor":
        """log p of each row's right labels together, (row,), with gradients where they are kept.

        `right` are indices of labels, at least one a row.
        """
        scores = self.label_scores(log_probs)
        is_right = scores.new_zeros(scores.shape).bool()
        for row, right_labels in enumerate(right):
            is_right[row, list(right_labels)] = True
        return self.log_right_of(scores, is_right)

    def log_right_of(self, scores: "Tensor", is_right: "Tensor") -> "Tensor":
        """Return the same from the scores of labels, `is_right` being (row, label) too."""
        return scores.log_softmax(1).masked_fill(~is_right, -inf).logsumexp(1)

    def _score(self, log_probs: "Tensor") -> "Tensor":
        if self.answer_score == "max":
            return log_probs.amax(1)
        total = log_probs.logsumexp(1)
        return total - log(log_probs.shape[1]) if self.answer_score == "mean" else total

    def right(self, examples: Dataset) -> list[list[int]]:
        """Return the right labels of each example, as indices; empty if it is no candidate."""
        index = {label: self.canonical_label[i] for i, label in enumerate(self.labels)}
        return [sorted({index[t] for t in e.targets if t in index}) for e in examples]


def same_answers(model: LanguageModel, verbalizer: Verbalizer) -> tuple[int, ...]:
    """Return for each candidate the first one that the model reads alike ("Paris" and "paris")."""
    return same_texts(model, [answers[0][0][1] for _, answers in verbalizer.pairs])


def same_texts(model: LanguageModel, texts: Sequence[str]) -> tuple[int, ...]:
    """Return for each text the first one that the model reads alike."""
    first: dict[tuple[int, ...], int] = {}
    return tuple(first.setdefault(ids, i) for i, ids in enumerate(model.answer_ids(texts)))


@dataclass
class PredictionsBuilder:
    """Predictions of one prompt, filled in batch by batch; axes (example,), (example, label)."""

    labels: tuple[str, ...]
    examples: Dataset
    right: list[list[int]]
    log_right: Floats
    predicted: Ints
    rank: Ints
    log_probs: Floats | None

    @classmethod
    def of(cls, labelling: LabelAggregation, examples: Dataset) -> "PredictionsBuilder":
        """Return an empty builder."""
        count, labels = len(examples), labelling.labels
        zeros = np.zeros(count, dtype=np.int64)
        log_probs = np.full((count, len(labels)), np.nan) if len(labels) <= LISTED else None
        right = labelling.right(examples)
        return cls(labels, examples, right, np.full(count, -inf), zeros, zeros.copy(), log_probs)

    def put(self, rows: Sequence[int], values: Floats) -> None:
        """Log-probabilities of all labels, (place, label), of the examples at these places."""
        self.predicted[rows] = values.argmax(1)
        if self.log_probs is not None:
            self.log_probs[rows] = values
        for row, value in zip(rows, values, strict=True):
            if labels := self.right[row]:
                self.log_right[row] = min(0.0, float(np.logaddexp.reduce(value[labels])))
                self.rank[row] = rank_of(value, labels)

    def take(self, indices: Sequence[int], part: Predictions) -> None:
        """Take the predictions of the examples at these indices, in their order."""
        rows = list(indices)
        self.log_right[rows] = part.log_right
        self.predicted[rows] = part.predicted
        self.rank[rows] = part.rank
        if self.log_probs is not None and part.log_probs is not None:
            self.log_probs[rows] = part.log_probs

    def judgement(self) -> Predictions:
        targets = tuple(example.targets for example in self.examples)
        results = self.log_right, self.predicted, self.rank
        return Predictions(self.labels, targets, *results, self.log_probs)


def rank_of(values: Floats, right: list[int]) -> int:
    """Return the rank of the best right label, from 1; of equal values the first label wins."""
    best = max(right, key=lambda i: (values[i], -i))
    return 1 + int((values > values[best]).sum()) + int((values[:best] == values[best]).sum())
