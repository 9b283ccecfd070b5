"""Several labels at once, predicted by one prompt at its threshold."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from promptsearch.data import Dataset, TaskDefinition, TaskKind
from promptsearch.errors import RunError
from promptsearch.metrics.multi_label_predictions import (
    MultiLabelPredictions,
    decided_by,
    log_sigmoid,
)
from promptsearch.prediction.ensemble import Ensemble, EnsemblePredictor
from promptsearch.prediction.text_predictor import TextPredictor
from promptsearch.scoring import PromptScorer, Scorer
from promptsearch.scoring.combination import Floats


@dataclass(frozen=True)
class MultiLabelPredictor(EnsemblePredictor):
    """Predictor of a single prompt whose labels are decided one by one."""

    threshold: float = 0.0  # of log-odds

    def label_log_probs(self, examples: Dataset) -> Floats:
        """Return (example, label) log p, of each label by itself."""
        return log_sigmoid(self.predict(examples).log_odds)

    def predict(self, examples: Dataset) -> MultiLabelPredictions:
        """Return the predictions of the prompt at the threshold."""
        (predictions,) = self.scorer.predict(self.ensemble.prompts, examples).predictions
        decided = decided_by(predictions, self.threshold)
        assert isinstance(decided, MultiLabelPredictions), "of a task of several labels"
        return decided

    @property
    def log_threshold(self) -> float:
        """The log p above which a label is decided for."""
        return float(log_sigmoid(np.array(self.threshold)))


def predictor_of(
    ensemble: Ensemble,
    scorer: PromptScorer,
    raw_scorer: Scorer,
    kind: TaskKind,
    threshold: float = 0.0,
) -> EnsemblePredictor:
    """Return the predictor for a kind of task."""
    if kind.label_sets:
        return MultiLabelPredictor(ensemble, scorer, raw_scorer, threshold)
    if kind.free_texts:
        return TextPredictor(ensemble, scorer, raw_scorer)
    return EnsemblePredictor(ensemble, scorer, raw_scorer)


def threshold_of(row: Mapping[str, object], definition: TaskDefinition | None = None) -> float:
    """Return the threshold of a prompt's row, else the task's, else 0.

    Raises RunError if the task wants one that was learned on dev.
    """
    threshold = row.get("threshold")
    if threshold is None and definition is not None:
        threshold = definition.threshold
    if threshold == "dev":
        raise RunError(
            'the task has threshold = "dev", and the prompt has no threshold that was learned; '
            "search it, or give it a number"
        )
    return float(threshold) if isinstance(threshold, int | float) else 0.0
