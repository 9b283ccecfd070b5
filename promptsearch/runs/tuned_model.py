"""A search that trains its model first: the model that it goes on with, and what was before."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from promptsearch.data import TaskDefinition
from promptsearch.engine.strategy import ModelTuning, Task
from promptsearch.metrics.predictions import Scores
from promptsearch.models import LanguageModel, ModelInfo
from promptsearch.runs.scorer_setup import dev_scores, model_scorer
from promptsearch.runs.settings import Settings

TUNED_FROM = "tuned_from"  # the key of prompts.json's `search`


@dataclass(frozen=True)
class TunedFrom:
    """The model before it was trained, and what the manual prompt scored with it."""

    model: ModelInfo
    scores: Scores  # on dev

    @property
    def row(self) -> Mapping[str, object]:
        """What prompts.json has of it."""
        return {TUNED_FROM: {"model": asdict(self.model), "scores": {"dev": self.scores}}}


def tuned(
    searcher: ModelTuning, task: Task, definition: TaskDefinition, settings: Settings
) -> tuple[LanguageModel, TunedFrom]:
    """Return the trained model, and what was before; both are told of the manual prompt's score."""
    assert task.model is not None
    model = task.model
    scorer = model_scorer(model, settings, task.kind)
    scores = dev_scores(scorer, definition, definition.prompt)
    key = settings.metric(task.kind)
    task.log(
        f"before training, the manual prompt has {key} {scores[key]:.3f} on dev with "
        f"{model.info.spec!r}; the table's row `manual` is with the trained model"
    )
    return searcher.tuned_model(task), TunedFrom(model.info, scores)
