"""Limits of a search, and its progress and speed on the way."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from promptsearch.engine.trial import On, Trial
from promptsearch.scoring import Cost


@dataclass(frozen=True)
class Limits:
    """Limits of a search: distinct prompts on dev (the start included), forwards, seconds."""

    prompts: int | None = None
    forwards: int | None = None
    seconds: float | None = None


class PendingWork(NamedTuple):
    """Prompts and examples that are still to be scored in the current request."""

    prompts: int
    examples: int  # with each of them
    on: On


@dataclass(frozen=True)
class Progress:
    """State of a search after a chunk."""

    done: int  # prompts scored on dev
    total: int  # of those asked for so far, within the budget
    best: Trial
    manual: Trial
    seconds_left: float  # for what is asked now, at the speed so far
    forwards_left: float  # by what the prompts so far took, a strategy's own passes left out
    tokens_left: float
    peak_bytes: int  # of the last chunk's largest batch, an upper estimate
    pending: PendingWork


OnProgress = Callable[[Progress], None]


@dataclass
class Throughput:
    """Speed of scoring, and what texts cost."""

    texts: int = 0
    seconds: float = 0.0
    forwards: int = 0
    tokens: int = 0
    peak_bytes: int = 0  # of the last chunk's largest batch

    def note(self, texts: int, seconds: float, cost: Cost) -> None:
        """A chunk is done."""
        self.texts, self.seconds = self.texts + texts, self.seconds + seconds
        self.forwards, self.tokens = self.forwards + cost.forwards, self.tokens + cost.tokens
        self.peak_bytes = cost.peak_bytes

    def progress(
        self, best: Trial, manual: Trial, done: int, total: int, pending: PendingWork
    ) -> Progress:
        """Return where a search stands that has this to go."""
        share = pending.prompts * pending.examples / self.texts
        return Progress(
            done=done,
            total=total,
            best=best,
            manual=manual,
            seconds_left=share * self.seconds,
            forwards_left=share * self.forwards,
            tokens_left=share * self.tokens,
            peak_bytes=self.peak_bytes,
            pending=pending,
        )
