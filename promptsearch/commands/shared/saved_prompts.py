"""The task, the model and the scorer of a prompts.json."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from promptsearch.commands.shared.console import Console
from promptsearch.commands.shared.run_search import computing, loading_from
from promptsearch.data import (
    PROMPTED,
    TaskDefinition,
    TaskKind,
    TaskSchema,
    builtin_tasks,
    load_task,
)
from promptsearch.errors import TaskError
from promptsearch.language.spans import Scheme
from promptsearch.metrics import headline_metric, objective_in
from promptsearch.models import LanguageModel
from promptsearch.prediction.selection import scoring_from
from promptsearch.prompt_file.load_model import Load, is_own, model_for, spec_of
from promptsearch.prompt_file.prompts_json import PromptFile, section_of
from promptsearch.runs.scorer_setup import add_calibration, build_scorer, model_scorer, workers_for
from promptsearch.scoring import PromptScorer, Scorer
from promptsearch.scoring.chunked_scorer import ChunkedScorer


def task_of(
    file: PromptFile,
    override: str | None,
    kinds: Collection[str] = PROMPTED,
    layout: Mapping[str, str] = MappingProxyType({}),
) -> TaskDefinition:
    """Return the task of the option, or the file's; `kinds` are those that the command can do.

    Its manual prompt has the layout of the file's prompts, unless `layout` says another.
    """
    layout = layout or _layout_of(file)
    if override is not None:
        return load_task(override, kinds, layout)
    saved = file.section("task").get("file")
    if not isinstance(saved, str):
        raise TaskError(f"{file.path}: does not say which task it is for; add --task")
    path = Path(saved)
    if not path.exists():
        if path.parent.name == "builtin" and path.stem in builtin_tasks():
            return load_task(path.stem, kinds, layout)  # another installation wrote the file
        raise TaskError(
            f"{file.path}: its task file {saved} is not there any more; say with --task where it is"
        )
    return load_task(saved, kinds, layout)


def _layout_of(file: PromptFile) -> dict[str, str]:
    """Return the keys of a task file that make its manual prompt the one of the file's search.

    The words yes and no are those that the search started from, never those that it found.
    """
    if not file.prompts[0].prompt.template.has_options:
        return {}
    definition = section_of(file.section("task"), "definition")
    keys = {key: definition.get(key) for key in ("layout", "yes", "no")}
    return {"layout": "options", **{key: v for key, v in keys.items() if isinstance(v, str)}}


def split_of(definition: TaskDefinition, name: str) -> Any:
    """Return a split of the definition by its name; reads the test file only for "test"."""
    return definition.test() if name == "test" else getattr(definition, name)


def model_of_prompts(
    file: PromptFile,
    definition: TaskDefinition | TaskSchema,
    options: Mapping[str, Any],
    console: Console,
    load: Load | None = None,
) -> LanguageModel:
    """Return the prompts' model, or the one of `--model`."""
    loading = loading_from(options, definition.kind)
    model = model_for(file, definition.chat, options["model"], load, **loading)
    if not is_own(file, model):
        before = spec_of(file)
        console.say(f"transfer: prompts found with {before}, scored with {model.info.spec}")
    return model


@contextmanager
def scorers(
    file: PromptFile,
    definition: TaskDefinition,
    model: LanguageModel,
    options: Mapping[str, Any],
    console: Console,
) -> Iterator[tuple[Scorer, PromptScorer]]:
    """Yield the model's scorer as in the file, and the cached, spread, calibrated one on top.

    It shows its progress.
    """
    with uncalibrated_scorers(
        file, definition.kind, model, options, console, definition.scheme
    ) as (raw_scorer, arranged):
        if not definition.kind.scores_answers:
            yield raw_scorer, arranged
            return
        arranged = ChunkedScorer(arranged, raw_scorer, console.scoring)
        yield raw_scorer, add_calibration(arranged, raw_scorer, scoring_from(file), definition)


@contextmanager
def uncalibrated_scorers(
    file: PromptFile,
    kind: TaskKind,
    model: LanguageModel,
    options: Mapping[str, Any],
    console: Console,
    scheme: Scheme | None = None,
) -> Iterator[tuple[Scorer, PromptScorer]]:
    """Yield the model's scorer, and the cached and spread one on top, for a kind of task.

    What is no answer's score has no cache.
    """
    settings = replace(scoring_from(file), **computing(options))
    if not kind.scores_answers:
        settings = replace(settings, cache=None)
    raw_scorer = model_scorer(model, settings, kind, scheme, writes=True)
    with workers_for(settings, model).open(console.say) as pool:
        yield raw_scorer, build_scorer(raw_scorer, settings, pool, console.say)


def compared(file: PromptFile, definition: TaskDefinition) -> str:
    """Return the metric of `vs_manual`: the objective, or for log-likelihood the hit rate.

    Of tags that is entity F1.
    """
    metric = objective_in(file.section("search"))
    if metric != "log_likelihood":
        return metric
    return headline_metric(definition.kind)
