"""The judge of several labels at once: each has its log-odds, and none has to do with another.

A label's score is log p of its answers less log p of `no` at the label's slot. The normaliser of
the slot cancels, so that 0 is where yes and no are equally likely, whatever else may stand there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from promptsearch.data import Dataset, TaskKind
from promptsearch.errors import ModelError, PromptError
from promptsearch.metrics.multi_label_predictions import MultiLabelPredictions
from promptsearch.metrics.predictions import Floats, Predictions
from promptsearch.prompt import Prompt, Verbalizer
from promptsearch.scoring.label_aggregation import LabelAggregation, PredictionsBuilder
from promptsearch.scoring.scorer import Scorer

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class MultiLabelAggregation(LabelAggregation):
    """Labels that are decided one by one, by their log-odds."""

    def values(self, log_probs: "Tensor") -> "Tensor":
        """Return (row, label) log-odds."""
        return self.label_scores(log_probs)

    def builder(self, examples: Dataset) -> PredictionsBuilder:
        """Return the empty predictions of examples."""
        return MultiLabelBuilder.of(self, examples)

    def log_right_of(self, scores: "Tensor", is_right: "Tensor") -> "Tensor":
        """Return (row,): the mean over labels of log p of the right decision."""
        import torch

        signed = torch.where(is_right, scores, -scores)
        return torch.nn.functional.logsigmoid(signed).mean(1)


class MultiLabelBuilder(PredictionsBuilder):
    """Predictions of one prompt, filled in batch by batch; `log_probs` holds log-odds."""

    def put(self, rows: Sequence[int], values: Floats) -> None:
        """Log-odds of all labels, (place, label), of the examples at these places."""
        assert self.log_probs is not None, "labels are few enough"
        self.log_probs[rows] = values

    def take(self, indices: Sequence[int], part: Predictions) -> None:
        """Take the predictions of the examples at these indices, in their order."""
        assert isinstance(part, MultiLabelPredictions), "of the same scorer"
        self.put(list(indices), part.log_odds)

    def judgement(self) -> MultiLabelPredictions:
        """Return the predictions, decided at 0."""
        assert self.log_probs is not None, "labels are few enough"
        targets = [example.targets for example in self.examples]
        return MultiLabelPredictions.of(self.labels, targets, self.log_probs)


@dataclass(frozen=True)
class MultiLabelScorer(Scorer):
    """Judges prompts whose labels each have a slot, and a `no` against their answers."""

    def labelling(self, verbalizer: Verbalizer) -> LabelAggregation:
        """Return how the verbalizer's answers become log-odds of labels for this model.

        Raises PromptError if there is no `no`.
        """
        if verbalizer.no is None:
            raise PromptError(
                "labels that are decided one by one need the word against their answers; say what "
                "`no` is"
            )
        if verbalizer not in self._labellings:
            of = MultiLabelAggregation.of
            self._labellings[verbalizer] = of(
                verbalizer, self.model, self.answer_score, facts=False, options_score="log-odds"
            )
        return self._labellings[verbalizer]

    @property
    def stored_as(self) -> Mapping[str, object]:
        """What a cache must know of the values it stores, beside the scoring."""
        return {"values": "log-odds"}

    def label_log_probs(self, prompts: Sequence[Prompt], examples: Dataset) -> NDArray[np.float32]:
        """Raise ModelError: labels have no probabilities that add up to one."""
        raise ModelError("several labels at once have log-odds each, and no probabilities together")


def aggregation_of(kind: TaskKind) -> type[LabelAggregation]:
    """Return how answers become labels in a kind of task."""
    return MultiLabelAggregation if kind.label_sets else LabelAggregation
