"""The scorer of a run as its settings want it: cached, spread, over the splits it may see."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from promptsearch.data import TaskDefinition, TaskKind
from promptsearch.data.tasks.reader import fixed_inputs
from promptsearch.engine.race_statistics import RaceReport
from promptsearch.errors import RunError
from promptsearch.language.spans import Scheme
from promptsearch.metrics import METRIC
from promptsearch.metrics.predictions import Scores
from promptsearch.models import LanguageModel
from promptsearch.parallel import WorkerPool, Workers
from promptsearch.prompt import Prompt
from promptsearch.runs.settings import Settings
from promptsearch.scoring import PromptScorer, Scorer
from promptsearch.scoring.cache_store import ScoreCache
from promptsearch.scoring.cached_scorer import CachedScorer, MemoryStore
from promptsearch.scoring.calibration import CalibratedScorer, check_calibration, references_of
from promptsearch.scoring.distributed_scorer import DistributedScorer
from promptsearch.scoring.generation_scorer import GenerationScorer
from promptsearch.scoring.multi_label_scorer import MultiLabelScorer
from promptsearch.scoring.span_scorer import SpanScorer
from promptsearch.scoring.split_scorer import DatasetScorer
from promptsearch.scoring.tag_scorer import TagScorer
from promptsearch.scoring.value_scorer import ValueScorer


def model_scorer(
    model: LanguageModel,
    settings: Settings,
    kind: TaskKind,
    scheme: Scheme | None = None,
    writes: bool = False,
) -> Scorer:
    """Return the scorer of a model for a kind of task, without cache, workers or calibration.

    Of generation it writes texts if asked to, or if the objective is measured of them. Raises
    RunError if the settings ask for what scores of other things than answers do not have.
    """
    parts = settings.scoring(kind), settings.answer_score
    if not kind.scores_answers:
        _check_alone(settings, kind)
    if kind.tags_words:
        return TagScorer(model, *parts, scheme=scheme or "IOB2")
    if kind.span_rule is not None:
        return SpanScorer(model, *parts, rule=kind.span_rule)
    if kind.free_texts:
        writes = writes or METRIC[settings.metric(kind)].needs_texts
        return GenerationScorer(model, *parts, decode=kind.decode if writes else None)
    if kind.values:
        _check_values(settings, kind)
        return ValueScorer(model, *parts)
    if kind.label_sets:
        _check_label_sets(settings)
        return MultiLabelScorer(model, *parts)
    return Scorer(model, *parts, kind.merges_alike)


def _check_values(settings: Settings, kind: TaskKind) -> None:
    if settings.tuning is not None:
        raise RunError("`rank_by` finetune learns labels; leave it out for a task of values")
    if settings.race and settings.metric(kind) != "log_likelihood":
        raise RunError(
            f"`race` compares row by row, and {settings.objective} is of all rows together; use "
            "`objective` log-likelihood, or leave it out"
        )


def _check_label_sets(settings: Settings) -> None:
    if settings.calibration != "none":
        raise RunError(
            f"`calibration` {settings.calibration} is for labels of which one is right; leave it "
            'out, or learn a threshold: threshold = "dev" in the task file'
        )


def _check_alone(settings: Settings, kind: TaskKind) -> None:
    options = {
        "race": settings.race,
        "cache": settings.cache is not None,
        "calibration": settings.calibration != "none",
        "rank_by": settings.tuning is not None,
        "workers": settings.worker_setup.workers > 1,
    }
    if asked := [name for name, is_set in options.items() if is_set]:
        raise RunError(f"`{asked[0]}` is for labels and facts; leave it out for a task of {kind}")


def build_scorer(
    scorer: Scorer, settings: Settings, pool: WorkerPool, log: Callable[[str], None]
) -> PromptScorer:
    """Return the scorer as the settings want it: spread over processes, with a cache before it."""
    inner: PromptScorer = scorer if pool.in_process else DistributedScorer(scorer, pool)
    if settings.cache is not None:
        return CachedScorer(inner, scorer, ScoreCache(settings.cache), log)
    return CachedScorer(inner, scorer, MemoryStore(), log) if settings.race else inner


def add_calibration(
    inner: PromptScorer, scorer: Scorer, settings: Settings, definition: TaskDefinition
) -> PromptScorer:
    """Return the scorer without the priors of its prompts, where the settings ask for that.

    Raises RunError if there are too many labels for it.
    """
    check_calibration(settings.calibration, len(definition.prompt.verbalizer))
    if settings.calibration == "none":
        return inner
    train = definition.train.examples
    fixed = fixed_inputs(definition.reader)
    references = references_of(settings.calibration, definition.inputs, train, fixed)
    return CalibratedScorer(inner, scorer, settings.calibration, references)


def prior_in(scorer: PromptScorer) -> Callable[[Prompt], Mapping[str, object] | None]:
    """Return what the scorer takes away from a prompt; None where it does not."""
    if not isinstance(scorer, CalibratedScorer):
        return lambda prompt: None
    return scorer.prior


def scorer_without_chat(scorer: Scorer, complete: PromptScorer) -> PromptScorer:
    """Return a scorer without its model's chat template, calibrated as the arranged one is."""
    raw = replace(scorer, model=scorer.model.without_chat)
    return complete.over(raw) if isinstance(complete, CalibratedScorer) else raw


def workers_for(settings: Settings, model: LanguageModel) -> Workers:
    """Return the processes that score: ray hides the GPUs from those that do not ask for one."""
    on_gpu = settings.backend == "ray" and model.info.device == "cuda"
    return replace(settings.worker_setup, gpus=1 if on_gpu else 0)


def split_scorer(scorer: PromptScorer, definition: TaskDefinition) -> DatasetScorer:
    """Return the judge of a search: it sees dev and train, not test."""
    train = definition.kind.training_rows(definition.train.examples)
    splits = {"dev": definition.dev.examples, "train": train}
    about = definition.kind, definition.negative_label, definition.threshold
    return DatasetScorer(scorer, splits, *about)


def dev_scores(scorer: Scorer, definition: TaskDefinition, prompt: Prompt) -> Scores:
    """Return a prompt's scores on dev."""
    judge = split_scorer(scorer, definition)
    return judge.scores(judge.predict([prompt], "dev", None).predictions[0])


def race_summary(race: RaceReport) -> str:
    """Return what a race spared and risked, in a line."""
    return (
        f"race: {race.dropped} prompts dropped out, {race.saved:.0%} of the scores were spared; "
        f"one of them may be better than the best by at most {race.regret:.3f} on dev "
        f"({race.confidence:.0%} confidence)"
    )
