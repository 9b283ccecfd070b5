"""The judge of values: the share of the probability that the higher of two answers has.

Gao et al. (2021), "Making Pre-trained Language Models Better Few-shot Learners", section 4.2: a
value between l and h is l + (h - l) p(high), and p is learned with the share as a soft label.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from promptsearch.data import Dataset
from promptsearch.metrics.predictions import Floats, Predictions
from promptsearch.metrics.value_predictions import ValuePredictions
from promptsearch.prompt import Verbalizer
from promptsearch.scoring.label_aggregation import LabelAggregation, PredictionsBuilder
from promptsearch.scoring.scorer import Scorer


@dataclass(frozen=True)
class ValueAggregation(LabelAggregation):
    """Two labels, between whose probabilities a value lies."""

    def builder(self, examples: Dataset) -> PredictionsBuilder:
        """Return the empty predictions of examples."""
        return ValueBuilder.of(self, examples)


class ValueBuilder(PredictionsBuilder):
    """Predictions of one prompt, filled in batch by batch."""

    def put(self, rows: Sequence[int], values: Floats) -> None:
        """Log-probabilities of both labels, (place, label), of the examples at these places."""
        assert self.log_probs is not None, "labels are two"
        self.log_probs[list(rows)] = values

    def take(self, indices: Sequence[int], part: Predictions) -> None:
        """Take the predictions of the examples at these indices, in their order."""
        assert part.log_probs is not None, "labels are two"
        self.put(indices, part.log_probs)

    def judgement(self) -> ValuePredictions:
        assert self.log_probs is not None, "labels are two"
        targets = [example.targets for example in self.examples]
        return ValuePredictions.of(self.labels, targets, self.log_probs)


@dataclass(frozen=True)
class ValueScorer(Scorer):
    """Judges prompts whose two labels are the ends of a range."""

    def labelling(self, verbalizer: Verbalizer) -> LabelAggregation:
        """Return how the verbalizer's answers become the two labels."""
        if verbalizer not in self._labellings:
            of = ValueAggregation.of
            self._labellings[verbalizer] = of(
                verbalizer, self.model, self.answer_score, facts=False
            )
        return self._labellings[verbalizer]
