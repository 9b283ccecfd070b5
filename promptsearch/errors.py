"""Errors a user can act on. Each message names the place, the offending value and the way out."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

SHOWN = 20  # names in one message; a table may have hundreds of labels


def listed(items: Sequence[str], shown: int = SHOWN) -> str:
    """Return the first ones, and how many more there are.

    >>> listed(["a", "b", "c"], shown=2)
    'a, b, +1 more'
    """
    more = [f"+{len(items) - shown} more"] if len(items) > shown else []
    return ", ".join([*items[:shown], *more])


def brief(text: str, shown: int = 80) -> str:
    """Return the text, its middle left out where it is longer.

    >>> brief("a" * 50 + "b" * 50, shown=9)
    'aaa...bbb'
    """
    half = (shown - 3) // 2
    return text if len(text) <= shown else f"{text[:half]}...{text[-half:]}"


class PromptSearchError(Exception):
    """Base of every error raised on purpose; the command line prints it without a traceback."""


class PromptError(PromptSearchError, ValueError):
    """A template, verbalizer or prompt that cannot mean anything."""


class DataError(PromptSearchError, ValueError):
    """A file or row that cannot be read as what it should be."""

    @classmethod
    def at(cls, path: Path | str, line: int | None, message: str) -> "DataError":
        """Return the error of one place: `reviews.tsv, line 7: ...` (lines count from 1)."""
        place = str(path) if line is None else f"{path}, line {line}"
        return cls(f"{place}: {message}")


class TaskError(PromptSearchError, ValueError):
    """A task file whose parts do not fit together."""


class ModelError(PromptSearchError):
    """A model that cannot be loaded, or cannot do what is asked of it."""


class RunError(PromptSearchError):
    """An output directory or a ledger that cannot be used as asked."""


class ExportError(PromptSearchError, ValueError):
    """Prompts that a target format cannot hold, or a place that an export cannot be written to."""


class BudgetSpent(BaseException):
    """Ends a search from inside `score`. Not an error: `except Exception` must not stop it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason  # "budget", "max-forwards", "time", or what a step failed by


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """` (did you mean 'label'?)` where one of `known` is near, else nothing."""
    near = get_close_matches(name, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
