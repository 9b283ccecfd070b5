"""Predictions of examples with choices, filled in batch by batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from promptsearch.data import Dataset
from promptsearch.metrics.predictions import Floats, Predictions
from promptsearch.scoring.label_aggregation import (
    LISTED,
    LabelAggregation,
    PredictionsBuilder,
    rank_of,
)
from promptsearch.scoring.row_choices import ChoiceLabels, choice_labels, right_positions


@dataclass
class ChoicePredictionsBuilder(PredictionsBuilder):
    """Predictions of one prompt; `right` are positions among an example's choices.

    Labels are those of the labelling, which knows all choices. Of equals, the first choice wins.
    """

    choices: list[ChoiceLabels] = field(default_factory=list)
    choice_log_probs: Floats = field(default_factory=lambda: np.zeros((0, 0)))

    @classmethod
    def of(cls, labelling: LabelAggregation, examples: Dataset) -> "ChoicePredictionsBuilder":
        """Return an empty builder."""
        choices, labels = choice_labels(labelling, examples), labelling.labels
        right = list(map(right_positions, examples, choices))
        count, width = len(examples), max((len(each.columns) for each in choices), default=0)
        zeros = np.zeros(count, dtype=np.int64)
        log_probs = np.full((count, len(labels)), -np.inf) if len(labels) <= LISTED else None
        filled = right, np.full(count, -np.inf), zeros, zeros.copy(), log_probs
        return cls(labels, examples, *filled, choices, np.full((count, width), -np.inf))

    def put(self, rows: Sequence[int], values: Floats) -> None:
        """Log-probabilities of all labels, (place, label), of the examples at these places."""
        for row, value in zip(rows, values, strict=True):
            self.put_choices([row], value[None, list(self.choices[row].columns)])

    def put_choices(self, rows: Sequence[int], values: Floats) -> None:
        """Log-probabilities of the choices, (place, choice), of the examples at these places."""
        for row, wide in zip(rows, values, strict=True):
            columns = list(self.choices[row].columns)
            value = wide[: len(columns)]
            self.choice_log_probs[row, : len(columns)] = value
            self.predicted[row] = columns[int(value.argmax())]
            if self.log_probs is not None:
                self.log_probs[row, columns] = value
            if right := self.right[row]:
                self.log_right[row] = min(0.0, float(np.logaddexp.reduce(value[right])))
                self.rank[row] = rank_of(value, right)

    def take(self, indices: Sequence[int], part: Predictions) -> None:
        """Take the predictions of the examples at these indices, in their order.

        Their labels are those of the prompt, and the choices of these examples alone.
        """
        assert part.choice_log_probs is not None, "they have choices"
        self.put_choices(indices, part.choice_log_probs)

    def judgement(self) -> Predictions:
        targets = tuple(example.targets for example in self.examples)
        results = self.log_right, self.predicted, self.rank, self.log_probs
        table = self.choice_log_probs
        return Predictions(self.labels, targets, *results, choice_log_probs=table)
