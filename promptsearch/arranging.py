"""The scorer of a run as its settings want it: cached, spread, over the splits it may see."""

from collections.abc import Callable
from dataclasses import replace

from promptsearch.corpora import TaskDefinition
from promptsearch.judging import SplitJudge
from promptsearch.models import LanguageModel
from promptsearch.parallel import Crew, Pool
from promptsearch.racing import RaceReport
from promptsearch.scoring import PromptScorer, Scorer
from promptsearch.scoring.cache import ScoreCache
from promptsearch.scoring.cached import CachedScorer, Memory
from promptsearch.scoring.spread import SpreadScorer
from promptsearch.settings import Settings


def arrange(
    own: Scorer, settings: Settings, pool: Pool, log: Callable[[str], None]
) -> PromptScorer:
    """The scorer as the settings want it: spread over processes, with a cache before it."""
    inner: PromptScorer = own if pool.in_process else SpreadScorer(own, pool)
    if settings.cache is not None:
        return CachedScorer(inner, own, ScoreCache(settings.cache), log)
    return CachedScorer(inner, own, Memory(), log) if settings.race else inner


def crew_of(settings: Settings, model: LanguageModel) -> Crew:
    """The processes that score: ray hides the GPUs from those that do not ask for one."""
    on_gpu = settings.backend == "ray" and model.info.device == "cuda"
    return replace(settings.crew, gpus=1 if on_gpu else 0)


def judge_of(scorer: PromptScorer, definition: TaskDefinition) -> SplitJudge:
    """The judge of a search: it sees dev and train, not test."""
    splits = {"dev": definition.dev.examples, "train": definition.train.examples}
    return SplitJudge(scorer, splits, definition.kind, definition.negative_label)


def about_race(race: RaceReport) -> str:
    """What a race spared and risked, in a line."""
    return (
        f"race: {race.dropped} prompts dropped out, {race.saved:.0%} of the scores were spared; "
        f"one of them may be better than the best by at most {race.regret:.3f} on dev "
        f"({race.confidence:.0%} confidence)"
    )
