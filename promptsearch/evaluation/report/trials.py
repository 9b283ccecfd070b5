"""The ledger as a report reads it: whole lines are read, damaged ones counted."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from promptsearch.engine.ledger import LEDGER, follows, row_of, sum_of
from promptsearch.errors import RunError
from promptsearch.metrics.predictions import Scores
from promptsearch.prompt.template import without_digests


@dataclass(frozen=True)
class Scored:
    """Prompt scored once, on dev or on train."""

    id: str
    template: str
    answers: Mapping[str, Any] | None  # None: the task's own
    split: str
    complete: bool  # False: it dropped out of a race
    exact: bool  # in float32; others only rank
    again: bool  # a finalist that had been ranked before
    scores: Scores
    strategy: str
    step: str | None  # of a plan, such as "2 paraphrase"
    parents: tuple[str, ...]
    evidence: Mapping[str, Any] = field(default_factory=dict)  # as much as the ledger repeats


@dataclass(frozen=True)
class Trials:
    """Trials of a ledger; `damaged` are the numbers of its unreadable lines."""

    path: Path
    rows: tuple[Scored, ...] = ()
    damaged: tuple[int, ...] = ()
    exists: bool = True  # False: there is no such file


def read_trials(folder: Path) -> Trials:
    """Return the ledger in a run's directory. Raises RunError if it cannot be opened."""
    path = folder / LEDGER
    if not path.exists():
        return Trials(path, exists=False)
    rows: list[Scored] = []
    damaged: list[int] = []
    try:
        with path.open("rb") as lines:
            before: int | None = 0  # the checksum of the line before, unless that is damaged
            for number, line in enumerate(lines, 1):
                try:
                    row = row_of(line)
                    if before is None or follows(line, before):
                        rows += _scored(row)
                    else:  # one before it is gone
                        damaged.append(number)
                    before = sum_of(line)
                except (ValueError, KeyError, TypeError, RecursionError):
                    damaged.append(number)
                    before = None
    except OSError as error:
        raise RunError(f"{path}: cannot be read ({error.strerror}); make it readable") from None
    return Trials(path, tuple(rows), tuple(damaged))


def _scored(row: Any) -> Iterator[Scored]:
    """Yield the trial of a line; none if it is the header or a strategy's work."""
    if "format" in row or str(row["key"]).startswith("work "):
        return
    source, scores = row["source"], row["scores"]
    if not isinstance(scores, dict):
        raise TypeError("scores are an object")
    yield Scored(
        str(row["id"]),
        without_digests(str(row["template"])),
        cast("Mapping[str, Any] | None", row["verbalizer"]),
        str(row["split"]),
        bool(row["complete"]),
        bool(row.get("exact", True)),
        str(row["key"]).startswith("exact "),
        scores,
        str(source["strategy"]),
        None if source.get("step") is None else str(source["step"]),
        tuple(map(str, source["parents"])),
        {key: value for key, value in source.items() if key not in ("strategy", "parents")},
    )
