"""The verdict on a gain: real, within noise, worse than manual, or undecided for lack of rows."""

from dataclasses import dataclass
from math import ceil
from typing import Literal

from promptsearch.evaluation.certificate.paired import Interval, rows_needed

WORTH = 10  # a gain that takes more than so many times the rows is noise
Ruling = Literal["real", "worse than manual", "needs more rows", "within noise"]


@dataclass(frozen=True)
class Verdict:
    """Ruling of an interval; `more_rows` where more of them would settle it."""

    ruling: Ruling
    more_rows: int | None = None

    def __str__(self) -> str:
        if self.more_rows is None:
            return self.ruling
        return f"needs about {self.more_rows:,} more rows"


def verdict_of(interval: Interval, rows: int) -> Verdict:
    """Return the verdict on a gain measured on `rows` rows.

    `more_rows` counts those beyond the present ones that show a gain of this size with 80% power;
    the measured gain is itself uncertain, so the number is a size, not a promise.
    """
    if interval.low > 0:
        return Verdict("real")
    if interval.high < 0:
        return Verdict("worse than manual")
    if interval.mean <= 0 or (needed := rows_needed(interval)) > WORTH * rows:
        return Verdict("within noise")
    return Verdict("needs more rows", max(ceil(needed) - rows, 1))
