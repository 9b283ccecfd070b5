"""When a search stops, and where it stands on the way."""

from collections.abc import Callable
from dataclasses import dataclass

from promptsearch.trial import Spent, Trial


@dataclass(frozen=True)
class Limits:
    """When to stop: distinct prompts on dev (the start included), forwards, seconds."""

    prompts: int | None = None
    forwards: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Progress:
    """Where a search stands after a chunk."""

    done: int  # prompts scored on dev
    total: int  # of those asked for so far, within the budget
    best: Trial
    manual: Trial
    seconds_left: float  # until `total`, at the speed so far
    spent: Spent
    peak_bytes: int  # of the last chunk's largest batch, an upper estimate


OnProgress = Callable[[Progress], None]
