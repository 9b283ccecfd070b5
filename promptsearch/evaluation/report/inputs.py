"""The inputs of a report: prompts, the ledger beside them, a model's predictions on a split."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from promptsearch.data import TaskKind
from promptsearch.evaluation.evaluate import Evaluation
from promptsearch.evaluation.report.model_words import with_slot_words
from promptsearch.evaluation.report.statistics.mistakes import Mistake, mistakes, worst
from promptsearch.evaluation.report.statistics.ranking import RankedPrompt, ranked_prompts
from promptsearch.evaluation.report.trials import Trials
from promptsearch.language.words import is_spaced
from promptsearch.metrics import interval_metric, objective_in
from promptsearch.metrics.predictions import Predictions
from promptsearch.prompt_file.prompts_json import PromptFile, SavedPrompt


@dataclass(frozen=True)
class ModelPredictions:
    """Predictions of the prompts on a split, and the first one's mistakes."""

    evaluation: Evaluation
    document: Any  # `Evaluation.document`
    mistakes: tuple[Mistake, ...]

    @classmethod
    def of(cls, evaluation: Evaluation, metric: str, most: int) -> "ModelPredictions":
        """Return the predictions with up to `most` mistakes.

        `metric` is the one that differences are of.
        """
        predictions, examples = evaluation.predictions[0], evaluation.split.examples
        wrong = mistakes(predictions, examples, worst(predictions, most))
        model, prompt = evaluation.scorer.model, evaluation.saved[0].prompt
        kind = evaluation.definition.kind
        if not (kind.label_sets or kind.has_sentences):  # of yes or no; of a slot for each span
            wrong = with_slot_words(model, prompt, wrong)
        return cls(evaluation, evaluation.document(metric), wrong)

    @property
    def split(self) -> str:
        return self.evaluation.split.name

    @property
    def predictions(self) -> Predictions:
        """Predictions of the first prompt."""
        return self.evaluation.predictions[0]


@dataclass(frozen=True)
class ReportInputs:
    """Everything that a report is made from; the `top` prompts are compared."""

    file: PromptFile
    trials: Trials
    top: int
    model_predictions: ModelPredictions | None = None  # None: without a model
    when: datetime | None = None  # the search ended

    @property
    def best(self) -> SavedPrompt:
        return self.file.prompts[0]

    @property
    def kind(self) -> TaskKind:
        if self.model_predictions is not None:
            return self.model_predictions.evaluation.definition.kind
        return self.file.kind

    @property
    def name(self) -> str:
        """Name of the task."""
        if self.model_predictions is not None:
            return self.model_predictions.evaluation.definition.name
        return str(self.file.section("task").get("name") or "prompts")

    @property
    def share(self) -> str:
        """Metric whose interval is known: accuracy, or P@1."""
        return interval_metric(self.kind)

    @property
    def objective(self) -> str:
        """Objective of the search: a key of `Scores`."""
        return objective_in(self.file.section("search"))

    @property
    def split(self) -> str:
        """Split that was scored: "dev" where none was."""
        return self.model_predictions.split if self.model_predictions else "dev"

    @property
    def selected(self) -> bool:
        """True if dev selected the prompts, so that its scores flatter them."""
        return self.file.was_searched

    @property
    def language(self) -> str:
        if self.model_predictions is not None:
            return self.model_predictions.evaluation.definition.language
        definition = self.file.section("task").get("definition")
        code = definition.get("language") if isinstance(definition, dict) else None
        return str(code or "en")

    @property
    def spaced(self) -> bool:
        """True if the task's language writes spaces between words."""
        return is_spaced(self.language)

    @property
    def is_transfer(self) -> bool:
        """True if the predictions are of another model than the one of the search."""
        search_model = self.file.section("model").get("sha256")
        if self.model_predictions is None or search_model is None:
            return False
        return search_model != self.model_predictions.evaluation.scorer.model.info.sha256

    @cached_property
    def ranked_prompts(self) -> tuple[RankedPrompt, ...]:
        document = self.model_predictions.document if self.model_predictions else None
        return ranked_prompts(self.file, self.top, document, self.split)


def ended(folder: Path) -> datetime | None:
    """Return the time when the run in a directory ended, by its log; None if it has none."""
    try:
        lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
        return datetime.fromtimestamp(json.loads(lines[-1])["time"], UTC)
    except (OSError, ValueError, LookupError, TypeError, OverflowError):
        return None
