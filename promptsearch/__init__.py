"""Search for discrete prompts and their answer words, over models with frozen weights.

The public names; each is imported when it is first used, so that nothing heavy loads before.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptsearch.classifier import PromptClassifier as PromptClassifier
    from promptsearch.corpora import TaskDefinition as TaskDefinition
    from promptsearch.corpora import load_task as load_task
    from promptsearch.data import Example as Example
    from promptsearch.engine import Score as Score
    from promptsearch.engine import Searcher as Searcher
    from promptsearch.engine import Task as Task
    from promptsearch.errors import PromptSearchError as PromptSearchError
    from promptsearch.evaluation import evaluate as evaluate
    from promptsearch.exports import read_prompts as read_prompts
    from promptsearch.models import Scoring as Scoring
    from promptsearch.models.loading import load_model as load_model
    from promptsearch.prompt import Prompt as Prompt
    from promptsearch.prompt import Template as Template
    from promptsearch.prompt import Verbalizer as Verbalizer
    from promptsearch.runs import Output as Output
    from promptsearch.runs import search as search
    from promptsearch.scoring import Scorer as Scorer
    from promptsearch.searchers import AnswerParaphraseSearch as AnswerParaphraseSearch
    from promptsearch.searchers import DecomposeSearch as DecomposeSearch
    from promptsearch.searchers import GenerateSearch as GenerateSearch
    from promptsearch.searchers import GradientSearch as GradientSearch
    from promptsearch.searchers import JointSearch as JointSearch
    from promptsearch.searchers import LikelihoodRatioSearch as LikelihoodRatioSearch
    from promptsearch.searchers import LMScoreSearch as LMScoreSearch
    from promptsearch.searchers import MiningSearch as MiningSearch
    from promptsearch.searchers import ParaphraseSearch as ParaphraseSearch
    from promptsearch.searchers import ProbeSearch as ProbeSearch
    from promptsearch.searchers import PruneSearch as PruneSearch
    from promptsearch.settings import Settings as Settings
    from promptsearch.trial import Result as Result
    from promptsearch.trial import Trial as Trial

_HOME = {
    "AnswerParaphraseSearch": "searchers",
    "DecomposeSearch": "searchers",
    "Example": "data",
    "GenerateSearch": "searchers",
    "GradientSearch": "searchers",
    "JointSearch": "searchers",
    "LMScoreSearch": "searchers",
    "LikelihoodRatioSearch": "searchers",
    "MiningSearch": "searchers",
    "Output": "runs",
    "ParaphraseSearch": "searchers",
    "PruneSearch": "searchers",
    "ProbeSearch": "searchers",
    "Prompt": "prompt",
    "PromptClassifier": "classifier",
    "PromptSearchError": "errors",
    "Result": "trial",
    "Score": "engine",
    "Scorer": "scoring",
    "Scoring": "models",
    "Searcher": "engine",
    "Settings": "settings",
    "Task": "engine",
    "TaskDefinition": "corpora",
    "Template": "prompt",
    "Trial": "trial",
    "Verbalizer": "prompt",
    "evaluate": "evaluation",
    "load_model": "models.loading",
    "load_task": "corpora",
    "read_prompts": "exports",
    "search": "runs",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'promptsearch' has no attribute {name!r}")
    return getattr(import_module(f"promptsearch.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOME)
