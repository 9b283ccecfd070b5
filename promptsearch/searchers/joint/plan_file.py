"""Plans as text: read from TOML, written as TOML, and summed up in a line."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from promptsearch.data.tasks.toml_keys import read_toml
from promptsearch.engine.folds import FOLDS
from promptsearch.errors import RunError, did_you_mean
from promptsearch.searchers.joint.plan import PlanStep, share
from promptsearch.searchers.joint.search import JointSearch

_KEYS = ("rounds", "skip", "folds", "step", "ensemble")


def read_plan(path: Path) -> JointSearch:
    """Return the search that a file describes; RunError or TaskError names file and step."""
    document = read_toml(path, "plan", "docs/search.md shows one")
    if unknown := [key for key in document if key not in _KEYS]:
        near = did_you_mean(unknown[0], _KEYS)
        raise RunError(
            f"{path}: {unknown[0]}: there is no such key{near}; the keys are {', '.join(_KEYS)}"
        )
    try:
        return JointSearch(
            _tables(document.get("step")),
            rounds=document.get("rounds", 1),  # type: ignore[arg-type]  # it checks them
            skip=document.get("skip", False),  # type: ignore[arg-type]
            folds=document.get("folds", FOLDS),  # type: ignore[arg-type]
            ensemble=document.get("ensemble"),  # type: ignore[arg-type]
        )
    except RunError as error:
        raise RunError(f"{path}: {error}") from None


def _tables(value: object) -> tuple[Mapping[str, object], ...]:
    if not isinstance(value, list) or not value or not all(isinstance(t, Mapping) for t in value):
        raise RunError(
            'step: it must be one table or more, each below a line [[step]], with strategy = "..."'
        )
    return tuple(value)


def plan_as_toml(search: JointSearch) -> str:
    """Return the plan as TOML that `read_plan` reads back."""
    return "\n".join(_lines(search)) + "\n"


def _lines(search: JointSearch) -> Iterator[str]:
    yield from _keys({"rounds": search.rounds, "skip": search.skip, "folds": search.folds})
    for step in search.steps:
        yield from ("", "[[step]]", *_keys(step))
    if search.ensemble is not None:
        yield from ("", "[ensemble]", *_keys(search.ensemble))


def _keys(table: Mapping[str, object]) -> Iterator[str]:
    """Yield the lines of a table; TOML writes strings, numbers and lists as JSON does."""
    for key, value in table.items():
        yield f"{key} = {json.dumps(value, ensure_ascii=False)}"


def plan_summary(steps: Sequence[PlanStep], remaining: int | None) -> str:
    """Return `1 mine 40 prompts | 2 paraphrase 60 | ...`, with the budget of each."""
    parts = []
    for number, step in enumerate(steps, 1):
        prompts = share(steps[number - 1 :], remaining)
        if remaining is not None and prompts is not None:
            prompts = min(prompts, remaining)
            remaining -= prompts
        size = "" if prompts is None else f" {prompts}"
        parts.append(f"{number} {step.strategy}{size}{' prompts' if number == 1 and size else ''}")
    return " | ".join(parts)
