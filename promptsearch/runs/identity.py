"""Identity and provenance of a run: what resuming compares, and what a repetition needs."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import sha256

from promptsearch.data import TaskDefinition
from promptsearch.engine.strategy import Searcher
from promptsearch.models import LanguageModel
from promptsearch.runs.prompts_document import Provenance
from promptsearch.runs.settings import Settings
from promptsearch.searchers import SEARCHERS


def identity_of(
    searcher: Searcher,
    definition: TaskDefinition,
    model: LanguageModel,
    settings: Settings,
    scored_as: Mapping[str, object],
) -> Mapping[str, object]:
    """Return what must be the same for a run to be resumed; the limits may change."""
    manual = definition.prompt
    no = {} if manual.verbalizer.no is None else {"no": manual.verbalizer.no}
    tuning = {} if settings.tuning is None else {"finetune": settings.tuning.course}
    return {
        "strategy": strategy_of(searcher),
        "options": options_of(searcher),
        "task": definition.name,
        "train": definition.train.sha256,
        "dev": definition.dev.sha256,
        "examples": examples_of(definition),
        "template": str(manual.template),
        "answers": _digest(manual.plain_answers),
        **no,
        "model": model.info.described,
        "scoring": scored_as,
        "objective": settings.objective,
        "ranked_in": model.ranking_dtype,
        "race": settings.race,
        "seed": settings.seed,
        **tuning,
    }


def examples_of(definition: TaskDefinition) -> Mapping[str, object]:
    """Return the examples as they were read, and how answers to them are judged."""
    of_sets = {"threshold": definition.threshold} if definition.kind.label_sets else {}
    return {
        "train": definition.train.examples_sha256,
        "dev": definition.dev.examples_sha256,
        "kind": definition.kind.name,
        "inputs": list(definition.inputs),
        "labels": list(definition.schema.labels),
        "negative_label": definition.negative_label,
        "language": definition.language,
        **of_sets,
        **definition.kind.settings,
    }


def _digest(answers: Mapping[str, object]) -> str:
    return sha256(json.dumps(answers).encode()).hexdigest()


def provenance_of(searcher: Searcher, settings: Settings, command: str | None) -> Provenance:
    """Return what it takes to run the search again."""
    return Provenance(
        strategy_of(searcher),
        options_of(searcher),
        settings.objective,
        settings.seed,
        settings.budget,
        command,
    )


def strategy_of(searcher: Searcher) -> str:
    """Return the name of the strategy in SEARCHERS, or else its class name."""
    return SEARCHERS.name_of(type(searcher)) or type(searcher).__name__


def options_of(searcher: Searcher) -> Mapping[str, object]:
    """Return the hyper-parameters of a strategy that is a dataclass."""
    if not is_dataclass(searcher):
        return {}
    return {field.name: getattr(searcher, field.name) for field in fields(searcher)}
