"""Between the search and the scorer: prompts in, predictions and metrics out, over named splits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from promptsearch.data import Dataset, TaskKind, has_choices
from promptsearch.metrics import scores_of
from promptsearch.metrics.label_sets import Threshold
from promptsearch.metrics.multi_label_predictions import decided_by
from promptsearch.metrics.outcomes import Outcomes, predictions_of
from promptsearch.metrics.predictions import Ints, Predictions, Scores
from promptsearch.prompt import Prompt
from promptsearch.scoring import Cost, PredictionBatch, PromptScorer

Rows = Sequence[int] | None  # of a split; None: all


class SplitScorer(Protocol):
    """The scorer of a search: examples are named by split and row."""

    def count(self, on: str) -> int: ...

    def strata(self, on: str) -> Ints: ...

    def cost(self, prompts: Sequence[Prompt], on: str, rows: Rows) -> Cost: ...

    def predict(self, prompts: Sequence[Prompt], on: str, rows: Rows) -> PredictionBatch: ...

    def scores(self, judgement: Predictions) -> Scores: ...

    def outcomes(self, judgement: Predictions) -> Outcomes: ...

    def recalled(self, prompt: Prompt, on: str, rows: Rows, outcomes: Outcomes) -> Predictions: ...


@dataclass(frozen=True)
class DatasetScorer:
    """A scorer over named splits."""

    scorer: PromptScorer
    splits: Mapping[str, Dataset]
    kind: TaskKind
    negative_label: str | None = None
    threshold: Threshold = 0.0  # of several labels at once; "dev" is the rows that are scored

    def count(self, on: str) -> int:
        """Return how many examples the split has."""
        return len(self.splits[on])

    def strata(self, on: str) -> Ints:
        """Return (example,): the labels as numbers; facts are all alike."""
        if not self.kind.has_labels:
            return np.zeros(self.count(on), dtype=np.int64)
        labels = [example.stratum for example in self.splits[on]]
        numbers: Ints = np.unique(labels, return_inverse=True)[1].astype(np.int64)
        return numbers

    def cost(self, prompts: Sequence[Prompt], on: str, rows: Rows) -> Cost:
        """Return what judging the prompts on the split, or on the chosen rows of it, would cost."""
        return self.scorer.cost(prompts, self._examples(on, rows))

    def predict(self, prompts: Sequence[Prompt], on: str, rows: Rows) -> PredictionBatch:
        """Return what the prompts say of the split, or of the chosen rows of it."""
        return self.scorer.predict(prompts, self._examples(on, rows))

    def scores(self, judgement: Predictions) -> Scores:
        """Return the metrics of the task's kind."""
        decided = decided_by(judgement, self.threshold)
        return scores_of(decided, self.kind, self.negative_label)

    def outcomes(self, judgement: Predictions) -> Outcomes:
        """Return what a ledger keeps of predictions, example by example."""
        return self.kind.outcomes(judgement)

    def recalled(self, prompt: Prompt, on: str, rows: Rows, outcomes: Outcomes) -> Predictions:
        """Return the predictions that a ledger has kept of a prompt."""
        examples = self._examples(on, rows)
        targets = [example.targets for example in examples]
        predictions = predictions_of(outcomes, prompt.verbalizer.labels, targets)
        predictions = decided_by(predictions, self.threshold)
        if not has_choices(examples):
            return predictions
        answerable = np.array([example.is_answerable for example in examples])
        return replace(predictions, rank=np.where(answerable, predictions.rank, 0))

    def _examples(self, on: str, rows: Rows) -> Dataset:
        split = self.splits[on]
        return split if rows is None else [split[i] for i in rows]
