"""A finding of a check: its message, its level, and the prompts that it is about."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from promptsearch import errors

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")
MANUAL = "manual"  # what findings call the task's own prompt
_SHOWN = 5  # of rows, answers or prompts, in a line


@dataclass(frozen=True)
class Finding:
    """Message of a check; an error would make a run worthless.

    `prompts` are the ids of those it is about, none where it is about the data.
    """

    level: Level
    message: str
    prompts: tuple[str, ...] = ()


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return errors, then warnings, then notes, each in their order."""
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))


def grouped_by_message(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings of several prompts with one message as one that names them all."""
    ids: dict[Finding, list[str]] = {}
    for finding in findings:
        ids.setdefault(Finding(finding.level, finding.message), []).extend(finding.prompts)
    return [
        Finding(merged.level, merged.message, tuple(dict.fromkeys(prompts)))
        for merged, prompts in ids.items()
    ]


def listed(items: Sequence[str], limit: int = _SHOWN) -> str:
    """Return `a, b, c, +4 more`: few, because rows and answers are long."""
    return errors.listed(items, limit)
