"""Messages on the progress of labelling, and the handling of bad rows."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from promptsearch.commands.shared.console import Console
from promptsearch.commands.shared.terminal_text import echo
from promptsearch.errors import DataError
from promptsearch.prediction.table.label_rows import Done

REPORTED = 10  # skipped rows that are reported one by one


def stopping(error: DataError) -> DataError:
    """Return the error of a row, with the option that skips it."""
    return DataError(f"{error}; --on-error skip leaves such rows out")


@dataclass
class PredictProgress:
    """Progress of a pass, and its skipped rows."""

    console: Console
    table: Path
    skips: bool
    first: DataError | None = None  # that was left out
    reported: int = 0
    before: Done = field(default=Done())
    started: float = 0.0

    def start(self, before: Done) -> None:
        """Report the rows that are labelled already."""
        self.before, self.started = before, time.monotonic()
        if before.read:
            self.console.say(f"{before.read:,} rows are labelled; going on")

    def bad_row(self, error: DataError) -> None:
        """Raise the error of a bad row, or skip the row."""
        if not self.skips:
            raise stopping(error)
        self.first, self.reported = self.first or error, self.reported + 1
        if self.reported <= REPORTED:
            self.console.say(f"left out: {error}")

    def chunk(self, done: Done) -> None:
        """Report the number of rows done, and the speed."""
        seconds = max(time.monotonic() - self.started, 1e-9)
        speed = (done.read - self.before.read) / seconds
        skipped = f" · {done.read - done.written:,} left out" if done.read > done.written else ""
        self.console.passing(f"{done.read:,} rows{skipped} · {speed:,.0f} rows/s")

    def check(self, done: Done) -> None:
        """Report the skipped rows. Raises DataError if all were skipped."""
        if not done.written:
            first = f", the first because of this: {self.first}" if self.first else ""
            raise DataError.at(self.table, None, f"none of its rows could be labelled{first}")
        if skipped := done.read - done.written:
            echo(f"{self.table}: {skipped:,} of {done.read:,} rows were left out", err=True)
