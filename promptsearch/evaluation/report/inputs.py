"""What a report is made of: prompts, the ledger beside them, what a model said of a split."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

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
    """What the model said of the prompts on a split, and where the first one is wrong."""

    evaluation: Evaluation
    document: Any  # `Evaluation.document`
    mistakes: tuple[Mistake, ...]

    @classmethod
    def of(cls, evaluation: Evaluation, metric: str, most: int) -> "ModelPredictions":
        """`metric` is the one that differences are of; `most` mistakes are looked into."""
        judged, examples = evaluation.predictions[0], evaluation.split.examples
        wrong = mistakes(judged, examples, worst(judged, most))
        model, prompt = evaluation.scorer.model, evaluation.saved[0].prompt
        return cls(evaluation, evaluation.document(metric), with_slot_words(model, prompt, wrong))

    @property
    def split(self) -> str:
        return self.evaluation.split.name

    @property
    def predictions(self) -> Predictions:
        """Of the first prompt."""
        return self.evaluation.predictions[0]


@dataclass(frozen=True)
class ReportInputs:
    """All that a report says, before it is said; `top` prompts are compared."""

    file: PromptFile
    trials: Trials
    top: int
    examined: ModelPredictions | None = None  # None: no model was asked
    when: datetime | None = None  # the search ended

    @property
    def best(self) -> SavedPrompt:
        return self.file.prompts[0]

    @property
    def kind(self) -> str:
        if self.examined is not None:
            return self.examined.evaluation.definition.kind
        return self.file.kind

    @property
    def name(self) -> str:
        """Of the task."""
        if self.examined is not None:
            return self.examined.evaluation.definition.name
        return str(self.file.section("task").get("name") or "prompts")

    @property
    def share(self) -> str:
        """The metric whose interval is known: accuracy, or P@1."""
        return interval_metric(self.kind)

    @property
    def objective(self) -> str:
        """What was searched for: a key of `Scores`."""
        return objective_in(self.file.section("search"))

    @property
    def split(self) -> str:
        """The split that was read: "dev" where none was."""
        return self.examined.split if self.examined else "dev"

    @property
    def selected(self) -> bool:
        """Whether dev selected the prompts, so that its scores flatter them."""
        return self.file.was_searched

    @property
    def language(self) -> str:
        if self.examined is not None:
            return self.examined.evaluation.definition.language
        definition = self.file.section("task").get("definition")
        code = definition.get("language") if isinstance(definition, dict) else None
        return str(code or "en")

    @property
    def spaced(self) -> bool:
        """Whether words stand between spaces in the task's language."""
        return is_spaced(self.language)

    @property
    def is_transfer(self) -> bool:
        """Whether another model was asked than the one the prompts were found with."""
        found_with = self.file.section("model").get("sha256")
        if self.examined is None or found_with is None:
            return False
        return found_with != self.examined.evaluation.scorer.model.info.sha256

    @cached_property
    def standings(self) -> tuple[RankedPrompt, ...]:
        document = self.examined.document if self.examined else None
        return ranked_prompts(self.file, self.top, document, self.split)


def ended(folder: Path) -> datetime | None:
    """When the run in a directory ended, by its log; None where that does not tell."""
    try:
        lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
        return datetime.fromtimestamp(json.loads(lines[-1])["time"], UTC)
    except (OSError, ValueError, LookupError, TypeError, OverflowError):
        return None
