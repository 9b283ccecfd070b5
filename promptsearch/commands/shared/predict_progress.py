"""What is said while rows pass, and what is done with a row that cannot be labelled."""

import time
from dataclasses import dataclass, field
from pathlib import Path

import rich_click as click

from promptsearch.commands.shared.console import Console
from promptsearch.errors import DataError
from promptsearch.prediction.table.label_rows import Done

TOLD = 10  # rows left out that are told one by one


def stopping(error: DataError) -> DataError:
    """Return the error of a row, with the other way out."""
    return DataError(f"{error}; --on-error skip leaves such rows out")


@dataclass
class PredictProgress:
    """Says how far a pass is, and what it left out."""

    console: Console
    table: Path
    skips: bool
    first: DataError | None = None  # that was left out
    reported: int = 0
    before: Done = field(default=Done())
    started: float = 0.0

    def start(self, before: Done) -> None:
        """Of the rows, these are labelled."""
        self.before, self.started = before, time.monotonic()
        if before.read:
            self.console.say(f"{before.read:,} rows are labelled; going on")

    def bad_row(self, error: DataError) -> None:
        """Stop at it, or leave it out."""
        if not self.skips:
            raise stopping(error)
        self.first, self.reported = self.first or error, self.reported + 1
        if self.reported <= TOLD:
            self.console.say(f"left out: {error}")

    def chunk(self, done: Done) -> None:
        """How many are done, and how fast."""
        seconds = max(time.monotonic() - self.started, 1e-9)
        speed = (done.read - self.before.read) / seconds
        skipped = f" · {done.read - done.written:,} left out" if done.read > done.written else ""
        self.console.passing(f"{done.read:,} rows{skipped} · {speed:,.0f} rows/s")

    def check(self, done: Done) -> None:
        """The last word. Raises DataError if all rows were left out."""
        if not done.written:
            first = f", the first because of this: {self.first}" if self.first else ""
            raise DataError.at(self.table, None, f"none of its rows could be labelled{first}")
        if skipped := done.read - done.written:
            click.echo(f"{self.table}: {skipped:,} of {done.read:,} rows were left out", err=True)
