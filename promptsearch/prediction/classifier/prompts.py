"""The prompts of a classifier, whose model loads when it is needed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from promptsearch.data import Dataset, Example, TaskSchema
from promptsearch.data.tasks.in_memory import task_in_memory
from promptsearch.data.tasks.reader import Reader
from promptsearch.engine.strategy import Searcher
from promptsearch.engine.trial import Result
from promptsearch.errors import RunError
from promptsearch.models import LanguageModel
from promptsearch.prediction.ensemble import EnsemblePredictor
from promptsearch.prediction.multi_label import predictor_of, threshold_of
from promptsearch.prediction.selection import (
    PromptSelection,
    calibrated_as_saved,
    frame_in,
    scoring_from,
    select_prompts,
)
from promptsearch.prompt import Prompt
from promptsearch.prompt_file.load_model import model_for
from promptsearch.prompt_file.prompts_json import PromptFile, SavedPrompt, read_prompts
from promptsearch.runs.run import search
from promptsearch.runs.scorer_setup import model_scorer


@dataclass(frozen=True)
class PromptsWithTask:
    """Prompts and their task, with `train` and `result` if they come from a search."""

    file: PromptFile
    schema: TaskSchema
    selection: PromptSelection
    train: Dataset | None = None
    result: Result | None = None

    @classmethod
    def of(
        cls, prompts: str | Path | Prompt, id: str | None, ensemble: bool | None
    ) -> "PromptsWithTask":
        """Return the prompts of a prompts.json, or a prompt alone."""
        if isinstance(prompts, Prompt):
            file = PromptFile(Path("prompt"), (SavedPrompt("prompt", prompts, {}),), {})
        else:
            file = read_prompts(Path(prompts))
        frame = frame_in(file)
        if not frame.kind.classifies:
            raise RunError(
                f"{file.path}: a classifier predicts labels of rows, and the prompts are for a "
                f"task of {frame.kind}; use `promptsearch predict`"
            )
        return cls(file, frame, select_prompts(file, frame, id, ensemble))

    @property
    def labels(self) -> tuple[str, ...]:
        return self.selection.labels

    @property
    def has_free_choices(self) -> bool:
        """Whether rows have choices of their own, which are no labels of the task."""
        return self.reader.choices is not None and not self.schema.kind.has_labels

    @property
    def reader(self) -> Reader:
        return self.selection.reader(self.schema.reader)

    def model(self, model_or_spec: str | LanguageModel | None) -> LanguageModel:
        """Return the loaded model, or the prompts' one. Raises ModelError if that has changed."""
        if not isinstance(model_or_spec, str | None):
            return model_or_spec
        return model_for(self.file, self.schema.chat, model_or_spec)

    def predictor(self, model: LanguageModel) -> EnsemblePredictor:
        """Return the predictor of the prompts, scored and calibrated as in the file."""
        settings, kind = scoring_from(self.file), self.schema.kind
        raw = model_scorer(model, settings, kind)
        scorer = calibrated_as_saved(raw, raw, self.file, self.selection, self.schema, self.train)
        return predictor_of(self.selection.ensemble, scorer, raw, kind, self.threshold)

    @property
    def threshold(self) -> float:
        """The threshold of the prompt, where several labels at once are decided."""
        return threshold_of(self.selection.saved[0].row)

    def searched(
        self,
        searcher: Searcher,
        examples: Sequence[Example],
        model: LanguageModel,
        budget: int,
        seed: int,
    ) -> "PromptsWithTask":
        """Return the best prompt of a search from this one, on labelled examples."""
        if not self.schema.kind.has_labels:
            raise RunError(
                "a classifier's search is for labelled texts; for a task of "
                f"{self.schema.kind}, search by a command"
            )
        definition = task_in_memory(self.schema, self.selection.saved[0].prompt, examples)
        settings = replace(scoring_from(self.file), budget=budget, seed=seed)
        result = search(searcher, definition, model, settings)
        row = {key: result.best.scores[key] for key in ("threshold",) if key in result.best.scores}
        best = SavedPrompt(result.best.id, result.best.prompt, row)
        return replace(
            self, selection=PromptSelection.of(best), train=definition.train.examples, result=result
        )
