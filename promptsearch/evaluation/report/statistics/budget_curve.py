"""A search over its budget: every trial on dev, and the best so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from promptsearch.evaluation.report.trials import Scored

FAR = 3  # times as far below the middle as the best is above it


@dataclass(frozen=True)
class Point:
    """Prompt when it was first scored on dev."""

    prompt_number: int  # of distinct prompts, from 1
    id: str
    value: float
    group: str  # the plan's step, or the strategy
    complete: bool  # False: it dropped out of a race, scored on some of dev


@dataclass(frozen=True)
class BudgetCurve:
    """Points in the order of the search, and the steps of the best, as (prompt number, value)."""

    metric: str
    points: tuple[Point, ...]
    best: tuple[tuple[int, float], ...]
    prompts: int  # distinct ones on dev
    ranked: bool  # whether faster, less exact scores ranked them

    @property
    def groups(self) -> tuple[str, ...]:
        """Steps or strategies, in order of appearance."""
        return tuple(dict.fromkeys(point.group for point in self.points))

    @cached_property
    def window(self) -> tuple[float, float]:
        """Values to draw: points far below the middle would press the rest together."""
        low, middle, high = np.quantile([point.value for point in self.points], [0, 0.5, 1])
        if high > middle:
            low = max(low, middle - FAR * (high - middle))
        margin = 0.06 * (high - low) or 0.05
        return float(low - margin), float(high + margin)

    @property
    def below(self) -> int:
        """Number of points below the window."""
        return sum(point.value < self.window[0] for point in self.points)


def budget_curve_of(rows: Sequence[Scored], metric: str) -> BudgetCurve:
    """Return the curve of a ledger's rows; those without the metric count, but have no point.

    Trials keep the scores that the search used: a finalist's second score is not drawn.
    """
    first: dict[str, Scored] = {}
    for row in rows:
        if row.split != "dev" or row.again:
            continue
        known = first.setdefault(row.id, row)
        if row.complete and not known.complete:  # it went on in the race
            first[row.id] = row
    points = [
        Point(number, row.id, float(value), row.step or row.strategy, row.complete)
        for number, row in enumerate(first.values(), 1)
        if isinstance(value := row.scores.get(metric), int | float)
    ]
    ranked = any(not row.exact for row in first.values())
    return BudgetCurve(metric, tuple(points), _best(points), len(first), ranked)


def _best(points: Sequence[Point]) -> tuple[tuple[int, float], ...]:
    steps: list[tuple[int, float]] = []
    for point in points:
        if point.complete and (not steps or point.value > steps[-1][1]):
            steps.append((point.prompt_number, point.value))
    return tuple(steps)
