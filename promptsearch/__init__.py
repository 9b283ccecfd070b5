"""Search for prompts and their answer words, over models with frozen weights.

The public names; each is imported when it is first used, so that nothing heavy loads before.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from promptsearch.data import Example as Example
    from promptsearch.data import TaskDefinition as TaskDefinition
    from promptsearch.data import load_task as load_task
    from promptsearch.engine.strategy import Score as Score
    from promptsearch.engine.strategy import Searcher as Searcher
    from promptsearch.engine.strategy import Task as Task
    from promptsearch.engine.trial import Result as Result
    from promptsearch.engine.trial import Trial as Trial
    from promptsearch.errors import PromptSearchError as PromptSearchError
    from promptsearch.evaluation.evaluate import evaluate as evaluate
    from promptsearch.metrics.pclue_score import score_pclue as score_pclue
    from promptsearch.models import Scoring as Scoring
    from promptsearch.models.loading.load import load_model as load_model
    from promptsearch.prediction.classifier import PromptClassifier as PromptClassifier
    from promptsearch.prompt import Prompt as Prompt
    from promptsearch.prompt import Template as Template
    from promptsearch.prompt import Verbalizer as Verbalizer
    from promptsearch.prompt_file import read_prompts as read_prompts
    from promptsearch.runs.run import Output as Output
    from promptsearch.runs.run import search as search
    from promptsearch.runs.settings import Settings as Settings
    from promptsearch.scoring import Scorer as Scorer
    from promptsearch.searchers import AnswerParaphraseSearch as AnswerParaphraseSearch
    from promptsearch.searchers import DecomposeSearch as DecomposeSearch
    from promptsearch.searchers import GenerateSearch as GenerateSearch
    from promptsearch.searchers import GradientSearch as GradientSearch
    from promptsearch.searchers import JointSearch as JointSearch
    from promptsearch.searchers import LikelihoodRatioSearch as LikelihoodRatioSearch
    from promptsearch.searchers import LMScoreSearch as LMScoreSearch
    from promptsearch.searchers import MiningSearch as MiningSearch
    from promptsearch.searchers import MixtureSearch as MixtureSearch
    from promptsearch.searchers import ParaphraseSearch as ParaphraseSearch
    from promptsearch.searchers import PrefixSearch as PrefixSearch
    from promptsearch.searchers import ProbeSearch as ProbeSearch
    from promptsearch.searchers import ProjectSearch as ProjectSearch
    from promptsearch.searchers import PruneSearch as PruneSearch
    from promptsearch.searchers import SoftSearch as SoftSearch

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
    "MixtureSearch": "searchers",
    "Output": "runs.run",
    "ParaphraseSearch": "searchers",
    "PrefixSearch": "searchers",
    "ProjectSearch": "searchers",
    "PruneSearch": "searchers",
    "ProbeSearch": "searchers",
    "Prompt": "prompt",
    "PromptClassifier": "prediction.classifier",
    "PromptSearchError": "errors",
    "Result": "engine.trial",
    "Score": "engine",
    "Scorer": "scoring",
    "Scoring": "models",
    "Searcher": "engine",
    "Settings": "runs.settings",
    "SoftSearch": "searchers",
    "Task": "engine",
    "TaskDefinition": "data",
    "Template": "prompt",
    "Trial": "engine.trial",
    "Verbalizer": "prompt",
    "evaluate": "evaluation.evaluate",
    "load_model": "models.loading.load",
    "load_task": "data",
    "read_prompts": "prompt_file",
    "score_pclue": "metrics.pclue_score",
    "search": "runs.run",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'promptsearch' has no attribute {name!r}")
    return getattr(import_module(f"promptsearch.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOME)
