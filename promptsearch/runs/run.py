"""A search from task definition to result file: put together once, for all strategies."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from promptsearch.corpora.sentences import CorpusFormat
from promptsearch.data import TaskDefinition, with_candidates
from promptsearch.engine import search_prompts
from promptsearch.engine.ledger import LEDGER, Ledger, Row
from promptsearch.engine.progress import OnProgress
from promptsearch.engine.search import SearchDesign
from promptsearch.engine.strategy import (
    ModelTuning,
    OnStep,
    Searcher,
    Task,
    silent,
    unwatched,
)
from promptsearch.engine.trial import Result
from promptsearch.errors import RunError
from promptsearch.files.write import append_line
from promptsearch.metrics.predictions import Scores
from promptsearch.models import LanguageModel
from promptsearch.parallel import WorkerPool
from promptsearch.prompt import Template
from promptsearch.prompt_file.prompts_json import write_prompts
from promptsearch.runs.directory import run_directory
from promptsearch.runs.finetune_setup import tuner_of
from promptsearch.runs.identity import identity_of, provenance_of
from promptsearch.runs.prompts_document import FinishedRun, document_of
from promptsearch.runs.scorer_setup import (
    add_calibration,
    build_scorer,
    model_scorer,
    prior_in,
    race_summary,
    scorer_without_chat,
    split_scorer,
    workers_for,
)
from promptsearch.runs.settings import Settings
from promptsearch.runs.tuned_model import TunedFrom, tuned
from promptsearch.scoring import PromptScorer, Scorer
from promptsearch.scoring.generation_scorer import GenerationScorer
from promptsearch.scoring.split_scorer import SplitScorer

LONG = 5.0  # seconds of a search whose course is told


@dataclass(frozen=True)
class Output:
    """Destination of a run: its directory, log and progress callbacks."""

    directory: Path | None = None
    resume: bool = False
    overwrite: bool = False
    command: str | None = None
    log: Callable[[str], None] = silent
    on_progress: OnProgress | None = None
    on_step: OnStep = unwatched


def search(
    searcher: Searcher,
    definition: TaskDefinition,
    model: LanguageModel,
    settings: Settings = Settings(),
    output: Output = Output(),
) -> Result:
    """Search prompts for the task with one strategy; with a directory, keep everything in it."""
    if output.directory is None:
        return search_locked(None, searcher, definition, model, settings, output)
    with run_directory(
        output.directory, resume=output.resume, overwrite=output.overwrite
    ) as folder:
        return search_locked(folder, searcher, definition, model, settings, output)


def search_locked(
    folder: Path | None,
    searcher: Searcher,
    definition: TaskDefinition,
    model: LanguageModel,
    settings: Settings,
    output: Output,
) -> Result:
    """Search in a run directory that is locked already; without one, keep nothing."""
    definition = with_vocabulary_candidates(definition, model)
    if settings.tuning is not None and not getattr(searcher, "finetunes", True):
        raise RunError(
            "`rank_by` finetune tunes copies by transformers' own attention, which reads no "
            "prefix; leave it out"
        )
    before = None
    if isinstance(searcher, ModelTuning) and searcher.tunes_model:
        task = task_of(definition, model, settings, folder, output.log, output.on_step)
        model, before = tuned(searcher, task, definition, settings)
    setup = RunSetup(searcher, definition, model, settings, folder, output, before)
    setup.log_duplicate_candidates()
    tuner = tuner_of(settings, setup.scorer, definition, output.log)
    workers = workers_for(settings, model)
    with _ledger(folder, setup.identity, definition) as ledger, workers.open(output.log) as pool:
        exact = setup.prompt_scorer(setup.scorer, pool)
        result = search_prompts(
            searcher,
            task_of(definition, model, settings, folder, output.log, output.on_step),
            split_scorer(exact, definition),
            objective=settings.metric(definition.kind),
            limits=settings.limits,
            ledger=ledger,
            on_progress=output.on_progress,
            fast=setup.fast_scorer(pool),
            race=settings.seed if settings.race else None,
            tuner=tuner,
            design=design_of(searcher),
        )
    if result.race is not None and result.race.dropped:
        output.log(race_summary(result.race))
    if shares := time_shares(ledger.rows):
        output.log(f"time: {shares}")
    if folder is not None:
        write_prompts(folder / "prompts.json", document_of(setup.finished(result, exact)))
        _log_event(folder, {"stopped_because": result.stopped_because, **asdict(result.spent)})
    return result


@dataclass(frozen=True)
class RunSetup:
    """A strategy, a task, a model and settings, and the objects of a search that they make up."""

    searcher: Searcher
    definition: TaskDefinition  # with its candidates
    model: LanguageModel
    settings: Settings
    folder: Path | None
    output: Output
    before: TunedFrom | None = None  # the model and its score before it was trained

    @cached_property
    def scorer(self) -> Scorer:
        """The scorer of the model in its exact dtype, without cache or workers."""
        return model_scorer(self.model, self.settings, self.definition.kind, self.definition.scheme)

    @property
    def scoring_row(self) -> Mapping[str, object]:
        """The `scoring` row of prompts.json."""
        return self.settings.scored_as(
            self.definition.kind, self.definition.prompt.template.has_options
        )

    @property
    def identity(self) -> Mapping[str, object]:
        """The values that must be equal for the run to be resumed."""
        return identity_of(
            self.searcher, self.definition, self.model, self.settings, self.scoring_row
        )

    def log_duplicate_candidates(self) -> None:
        """Log how many candidates this model cannot tell from another one."""
        verbalizer = self.definition.prompt.verbalizer
        if duplicates := self.scorer.labelling(verbalizer).duplicate_labels:
            self.output.log(
                f"{len(duplicates):,} candidates read like another one for this model: merged"
            )

    def prompt_scorer(self, scorer: Scorer, pool: WorkerPool) -> PromptScorer:
        """Return the scorer cached, spread over the workers and calibrated."""
        inner = build_scorer(scorer, self.settings, pool, self.output.log)
        return add_calibration(inner, scorer, self.settings, self.definition)

    def fast_scorer(self, pool: WorkerPool) -> Callable[[], SplitScorer] | None:
        """Return what makes the scorer that ranks in a faster dtype; None if there is none.

        It writes no texts.
        """
        writes = isinstance(self.scorer, GenerationScorer) and self.scorer.decode is not None
        if self.model.ranking_dtype == self.model.info.dtype and not writes:
            return None

        def make() -> SplitScorer:
            fast = replace(self.scorer, model=self.model.fast_model)
            fast = replace(fast, decode=None) if isinstance(fast, GenerationScorer) else fast
            return split_scorer(self.prompt_scorer(fast, pool), self.definition)

        return make

    def finished(self, result: Result, exact: PromptScorer) -> FinishedRun:
        """Return all that prompts.json holds; may score the manual prompt without its chat."""
        dtype = self.model.info.dtype if result.exact else self.model.ranking_dtype
        return FinishedRun(
            result,
            self.definition,
            self.model.info,
            scoring={**self.scoring_row, "dtype": dtype},
            provenance=provenance_of(self.searcher, self.settings, self.output.command),
            manual_raw=_raw_baseline(self.definition, self.scorer, exact),
            folder=self.folder,
            prior=prior_in(exact),
            nearest=partial(_nearest_row, self.model),
            tuned_from={} if self.before is None else self.before.row,
        )


def _raw_baseline(definition: TaskDefinition, scorer: Scorer, exact: PromptScorer) -> Scores | None:
    """Return the manual prompt's dev scores without the chat template, if there is one."""
    if scorer.model.info.chat is None:
        return None
    raw = scorer_without_chat(scorer, exact)
    judge = split_scorer(raw, definition)
    return judge.scores(judge.predict([definition.prompt], "dev", None).predictions[0])


def _nearest_row(model: LanguageModel, template: Template) -> Mapping[str, object]:
    """Return the token nearest to each vector of a template, as prompts.json has it."""
    from promptsearch.models.training.nearest_tokens import nearest_in, nearest_row

    return nearest_row(nearest_in(model, template, 1))


def design_of(searcher: Searcher) -> SearchDesign:
    """Return how often a strategy runs, and what becomes of its best prompts."""
    design = getattr(searcher, "design", None)
    if isinstance(design, SearchDesign):
        return design
    return SearchDesign(adaptive=getattr(searcher, "adaptive", True))


def with_vocabulary_candidates(definition: TaskDefinition, model: LanguageModel) -> TaskDefinition:
    """Return the task with its candidates, if these are the model's whole words."""
    if not definition.needs_vocabulary:
        return definition
    return with_candidates(definition, model.vocabulary_words())


def task_of(
    definition: TaskDefinition,
    model: LanguageModel | None,
    settings: Settings,
    folder: Path | None,
    log: Callable[[str], None] = silent,
    on_step: OnStep = unwatched,
) -> Task:
    """Return what a strategy may see of the definition: train, never dev or test."""
    return Task(
        name=definition.name,
        kind=definition.kind,
        prompt=definition.prompt,
        train=definition.kind.training_rows(definition.train.examples),
        inputs=definition.inputs,
        labels=definition.labels,
        language=definition.language,
        corpus=definition.corpus,
        corpus_format=CorpusFormat(definition.corpus_column, definition.encoding),
        model=model,
        workspace=folder,
        workers=settings.worker_setup,
        seed=settings.seed,
        objective=settings.metric(definition.kind),
        scoring=settings.scoring(definition.kind),
        answer_score=settings.answer_score,
        log=log,
        on_step=on_step,
    )


def time_shares(rows: Sequence[Row]) -> str:
    """Return what took the time of a search: `61% generate, 30% scores on dev, 9% on train`.

    Empty for one that took less than LONG seconds.
    """
    seconds: dict[str, float] = {}
    for row in rows:
        work = _work_of(row)
        seconds[work] = seconds.get(work, 0.0) + float(str(row.get("seconds", 0)))
    if (total := sum(seconds.values())) < LONG:
        return ""
    shares = sorted(((spent / total, work) for work, spent in seconds.items()), reverse=True)
    return ", ".join(f"{share:.0%} {work}" for share, work in shares if share >= 0.01)


def _work_of(row: Row) -> str:
    """Return what a ledger row's seconds went to."""
    key = str(row["key"])
    if not key.startswith("work "):
        return f"scores on {row.get('split', 'dev')}"
    words = key.split()[1:]
    step = words[:2] if words[0].isdigit() else words[:1]  # of a plan: "2 generate"
    return " ".join(step)


@contextmanager
def _ledger(
    folder: Path | None, identity: Mapping[str, object], definition: TaskDefinition
) -> Iterator[Ledger]:
    path = None if folder is None else folder / LEDGER
    with Ledger(identity, path, definition.document) as ledger:
        if folder is not None:
            _log_event(folder, {"started": True, "trials_known": len(ledger.rows)})
        yield ledger


def _log_event(folder: Path, event: Mapping[str, object]) -> None:
    append_line(folder / "log.jsonl", json.dumps({"time": time.time(), **event}))
