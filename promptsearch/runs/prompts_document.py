"""The document of a finished search, as `prompts.json` holds it."""

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import cast

from promptsearch.data import Dataset, Split, TaskDefinition, TaskKind
from promptsearch.engine.trial import Result, Trial
from promptsearch.metrics.predictions import Scores
from promptsearch.models import ModelInfo
from promptsearch.prompt import Prompt, Template
from promptsearch.prompt_file.prior import prior_row
from promptsearch.prompt_file.prompts_json import Json, answers_of, format_of
from promptsearch.prompt_file.soft_file import SOFT, write_soft

Prior = Callable[[Prompt], Mapping[str, object] | None]
Nearest = Callable[[Template], Json]


@dataclass(frozen=True)
class Provenance:
    """The strategy, its options and limits: enough to run the search again."""

    strategy: str
    options: Mapping[str, object]  # the strategy's hyper-parameters
    objective: str  # as the command line names it
    seed: int
    budget: int | None
    command: str | None


@dataclass(frozen=True)
class FinishedRun:
    """A search that has ended, with all that its prompts.json tells."""

    result: Result
    definition: TaskDefinition
    model: ModelInfo
    scoring: Json
    provenance: Provenance
    manual_raw: Scores | None  # of the manual prompt without the chat template, if there is one
    folder: Path | None = None  # where the document will lie
    prior: Prior = lambda prompt: None  # what calibration takes away from a prompt
    nearest: Nearest = lambda template: {}  # the tokens nearest to the vectors of a soft prompt
    tuned_from: Json = field(default_factory=dict)  # of a model that was trained first


def document_of(run: FinishedRun) -> Json:
    """Return the whole document, best prompt first."""
    result, definition, kind = run.result, run.definition, run.definition.kind
    manual = _manual(result.manual, kind, run.folder, run.prior)
    raw = _manual_raw(manual, run.manual_raw)
    soft = _soft(run)
    return {
        "format": format_of(soft),
        "task": _searched(definition, run.provenance),
        "model": asdict(run.model),
        "scoring": {"calibration": None, **run.scoring},
        "search": {
            **asdict(run.provenance),
            "spent": asdict(result.spent),
            "stopped_because": result.stopped_because,
            **({} if result.race is None else {"race": asdict(result.race)}),
            **_ranked_by(result),
            **run.tuned_from,
            "expected": _expected(result),
        },
        "prompts": [
            {**_prompt_row(trial, kind, run.folder, run.prior), **soft.get(trial.id, {})}
            for trial in _with_nearest(result.ranked, run.nearest)
        ],
        "ensemble": None,
        "baselines": {
            "manual": manual,
            **raw,
            "majority": majority(definition, definition.dev.examples, "dev"),
        },
        "versions": versions(),
    }


def _soft(run: FinishedRun) -> Mapping[str, Json]:
    """Write the vectors of soft prompts beside the document; return what their rows say of them."""
    if run.folder is None:
        return {}
    prompts = {trial.id: trial.prompt for trial in run.result.ranked}
    return write_soft(run.folder / SOFT, prompts)


def _with_nearest(trials: Sequence[Trial], nearest: Nearest) -> Iterator[Trial]:
    """Yield the trials; the best of each soft template has its vectors' nearest tokens as evidence.

    Of the others they would be much the same, and each costs a pass over the embedding table.
    """
    seen: set[str] = set()
    for trial in trials:
        template, source = trial.prompt.template, trial.prompt.source
        if not template.soft or template.notation in seen:
            yield trial
            continue
        seen.add(template.notation)
        evidence = {**source.evidence, "nearest": nearest(template)}
        yield replace(
            trial, prompt=replace(trial.prompt, source=replace(source, evidence=evidence))
        )


def _manual_raw(manual: Json, scores: Scores | None) -> Json:
    return {} if scores is None else {"manual_raw": {**manual, "scores": {"dev": scores}}}


def _searched(definition: TaskDefinition, provenance: Provenance) -> Json:
    """Return the task, and its corpus' fingerprint where the search has read it."""
    section = task_section(definition)
    steps = provenance.options.get("steps")  # of a plan; a number where vectors are trained
    plan = steps if isinstance(steps, list | tuple) else ()
    if "mine" in (provenance.strategy, *(step["strategy"] for step in plan)):
        corpus = {"files": section["corpus"], "sha256": definition.corpus_sha256}
        section = {**section, "data": {**cast(Json, section["data"]), "corpus": corpus}}
    return section


def task_section(definition: TaskDefinition) -> Json:
    """Return what the task is and what its files held; the test file is fingerprinted, not read."""
    data = {"train": _split(definition.train), "dev": _split(definition.dev)}
    if definition.test_files:
        data["test"] = {
            "files": list(definition.test_files),
            "sha256": definition.test_sha256,
        }
    if definition.candidates_file:
        candidates = {
            "files": [str(definition.candidates_file)],
            "sha256": definition.candidates_sha256,
        }
        data["candidates"] = candidates
    return {
        "name": definition.name,
        "kind": definition.kind.name,
        "inputs": list(definition.inputs),
        "labels": list(definition.schema.labels),
        "definition": definition.document,
        "file": str(definition.file),
        "corpus": [str(path) for path in definition.corpus],
        "data": data,
    }


def _split(split: Split) -> Json:
    return {
        "files": list(split.files),
        "sha256": split.sha256,
        "n": len(split.examples),
        "examples_sha256": split.examples_sha256,
    }


def _expected(result: Result) -> Json | None:
    """Return what to expect of the winners on new rows; None where that cannot be told."""
    if (expected := result.expected) is None or result.tuned is not None:
        return None
    together = {"ensemble": expected.ensemble, "ensemble_minus_best": expected.gain}
    known = {} if expected.ensemble is None else together
    return {"folds": expected.folds, "best": expected.best, **known}


def _ranked_by(result: Result) -> Json:
    """Return how finalists were tuned; nothing where the frozen model ranked."""
    if (tuned := result.tuned) is None:
        return {}
    how = {**asdict(tuned.tuning), "finalists": tuned.finalists, "done": tuned.done}
    return {"rank_by": "finetune", "finetune": how}


def _prompt_row(trial: Trial, kind: TaskKind, folder: Path | None, prior: Prior) -> Json:
    source, taken = trial.prompt.source, prior(trial.prompt)
    return {
        "id": trial.id,
        "template": trial.prompt.template.notation,
        **answers_of(trial.prompt, kind, folder),
        **prior_row(trial.prompt, taken),
        **{key: trial.scores[key] for key in ("threshold",) if key in trial.scores},
        "scores": {"dev": {**trial.scores, "selected": True}},
        **_finetuned(trial),
        "source": {
            "strategy": source.strategy,
            "parents": list(source.parents),
            "evidence": dict(source.evidence),
            "token_ids": source.token_ids,
            "round_trips": source.round_trips,
        },
    }


def _finetuned(trial: Trial) -> Json:
    """Return what a copy of the model that was tuned to the prompt scores, where one was."""
    if trial.tuned is None:
        return {}
    return {"finetuned": {"dev": {**trial.tuned, "selected": True}}}


def _manual(trial: Trial, kind: TaskKind, folder: Path | None, prior: Prior) -> Json:
    row = _prompt_row(trial, kind, folder, prior)
    return {key: value for key, value in row.items() if key != "source"}


def majority(definition: TaskDefinition, examples: Dataset, split: str) -> Json:
    """Return the baseline that always gives the label (or object) most frequent in train."""
    label, scores = definition.kind.majority(definition, definition.train.examples, examples)
    return {"label": label, "scores": {split: scores}}


def versions() -> dict[str, object]:
    """Return the versions of everything that a score may depend on."""
    import torch

    packages: Sequence[str] = ("promptsearch", "torch", "transformers", "tokenizers")
    installed: dict[str, object] = {name: version(name) for name in packages}
    installed["python"] = platform.python_version()
    installed["platform"] = platform.platform()
    installed["threads"] = torch.get_num_threads()
    return installed
