"""A search from task definition to result file: put together once, for all strategies."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from promptsearch.corpora.sentences import CorpusFormat
from promptsearch.data import TaskDefinition, with_candidates
from promptsearch.engine import search_prompts
from promptsearch.engine.ledger import LEDGER, Ledger
from promptsearch.engine.progress import OnProgress
from promptsearch.engine.strategy import Searcher, Task, silent
from promptsearch.engine.trial import Result
from promptsearch.metrics import scores_of
from promptsearch.metrics.predictions import Scores
from promptsearch.models import LanguageModel
from promptsearch.prompt_file.prompts_json import write_prompts
from promptsearch.runs.directory import run_directory
from promptsearch.runs.document import document_of
from promptsearch.runs.identity import identity_of, provenance_of
from promptsearch.runs.model_tuner import tuner_of
from promptsearch.runs.scorer_setup import (
    race_summary,
    build_scorer,
    add_calibration,
    workers_for,
    split_scorer,
    prior_in,
    scorer_without_chat,
)
from promptsearch.runs.settings import Settings
from promptsearch.scoring import PromptScorer, Scorer
from promptsearch.scoring.split_scorer import SplitScorer


@dataclass(frozen=True)
class Output:
    """Where a run goes, and what is said on the way."""

    directory: Path | None = None
    resume: bool = False
    overwrite: bool = False
    command: str | None = None
    log: Callable[[str], None] = silent
    on_progress: OnProgress | None = None


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
    """The same, in a run directory that is locked already."""
    metric, scoring = settings.metric(definition.kind), settings.scoring(definition.kind)
    definition = with_vocabulary_candidates(definition, model)
    scorer = Scorer(model, scoring, settings.answer_score, definition.kind == "facts")
    if merged := scorer.labelling(definition.prompt.verbalizer).duplicate_labels:
        output.log(f"{len(merged):,} candidates read like another one for this model: merged")
    scored_as = settings.scored_as(definition.kind)
    tuner = tuner_of(settings, scorer, definition, output.log)
    identity = identity_of(searcher, definition, model, settings, scored_as)
    crew = workers_for(settings, model)
    with _ledger(folder, identity) as ledger, crew.open(output.log) as pool:

        def arranged(scorer: Scorer) -> PromptScorer:
            inner = build_scorer(scorer, settings, pool, output.log)
            return add_calibration(inner, scorer, settings, definition)

        def ranking() -> SplitScorer:
            return split_scorer(arranged(replace(scorer, model=model.fast_model)), definition)

        exact = arranged(scorer)
        result = search_prompts(
            searcher,
            task_of(definition, model, settings, folder, output.log),
            split_scorer(exact, definition),
            objective=metric,
            limits=settings.limits,
            ledger=ledger,
            on_progress=output.on_progress,
            ranking=None if model.ranking_dtype == model.info.dtype else ranking,
            race=settings.seed if settings.race else None,
            tuner=tuner,
        )
    if result.race is not None:
        output.log(race_summary(result.race))
    if folder is not None:
        provenance = provenance_of(searcher, settings, output.command)
        raw = _raw_baseline(definition, scorer, exact)
        dtype = model.info.dtype if result.exact else model.ranking_dtype
        scoring_row = {**scored_as, "dtype": dtype}
        document = document_of(
            result, definition, model.info, scoring_row, provenance, raw, folder, prior_in(exact)
        )
        write_prompts(folder / "prompts.json", document)
        _log_event(folder, {"stopped_because": result.stopped_because, **asdict(result.spent)})
    return result


def _raw_baseline(definition: TaskDefinition, scorer: Scorer, exact: PromptScorer) -> Scores | None:
    """What the manual prompt scores on dev without the chat template, where there is one."""
    if scorer.model.info.chat is None:
        return None
    raw = scorer_without_chat(scorer, exact)
    judged = raw.predict([definition.prompt], definition.dev.examples).predictions[0]
    return scores_of(judged, definition.kind, definition.negative_label)


def with_vocabulary_candidates(definition: TaskDefinition, model: LanguageModel) -> TaskDefinition:
    """The task with its candidates, where these are the model's whole words."""
    if not definition.needs_vocabulary:
        return definition
    return with_candidates(definition, model.vocabulary_words())


def task_of(
    definition: TaskDefinition,
    model: LanguageModel | None,
    settings: Settings,
    folder: Path | None,
    log: Callable[[str], None] = silent,
) -> Task:
    """What a strategy may see of the definition: train, never dev or test."""
    return Task(
        name=definition.name,
        kind=definition.kind,
        prompt=definition.prompt,
        train=definition.train.examples,
        inputs=definition.inputs,
        labels=definition.labels,
        language=definition.language,
        corpus=definition.corpus,
        reading=CorpusFormat(definition.corpus_column, definition.encoding),
        model=model,
        workspace=folder,
        crew=settings.crew,
        seed=settings.seed,
        objective=settings.metric(definition.kind),
        scoring=settings.scoring(definition.kind),
        answer_score=settings.answer_score,
        log=log,
    )


@contextmanager
def _ledger(folder: Path | None, identity: Mapping[str, object]) -> Iterator[Ledger]:
    path = None if folder is None else folder / LEDGER
    with Ledger(identity, path) as ledger:
        if folder is not None:
            _log_event(folder, {"started": True, "trials_known": len(ledger.rows)})
        yield ledger


def _log_event(folder: Path, event: Mapping[str, object]) -> None:
    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps({"time": time.time(), **event}) + "\n")
