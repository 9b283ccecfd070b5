"""The budget of a search, and the model calls that it pays for."""

import time
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import NamedTuple, cast

from promptsearch.engine.ledger import Row
from promptsearch.engine.progress import Limits
from promptsearch.engine.trial import Spent
from promptsearch.errors import BudgetSpent
from promptsearch.prompt import Prompt
from promptsearch.scoring import Cost


class ModelCall(NamedTuple):
    """A strategy's own call of a model: its cost and the function that makes it."""

    cost: Cost  # an upper bound, if `spent` returns the cost afterwards
    run: Callable[[], object]  # gives JSON values
    spent: Callable[[], Cost] | None = None

    @property
    def actual_cost(self) -> Cost:
        """The cost of the call, once it has run."""
        return self.cost if self.spent is None else self.spent()


def affordable_first(
    prompts: Sequence[Prompt], known: Container[Prompt], remaining: int | None
) -> int:
    """Return how many of the first prompts there is room for; one that is known takes none."""
    new: set[Prompt] = set()
    for index, prompt in enumerate(prompts):
        if prompt not in known:
            new.add(prompt)
        if remaining is not None and len(new) > remaining:
            return index
    return len(prompts)


@dataclass
class Budget:
    """Limits of a search and what it has spent; ends a search that has nothing left."""

    limits: Limits
    spent: Spent = field(default_factory=Spent)
    _began: float = field(default_factory=time.monotonic)

    def resume(self, rows: Iterable[Row]) -> None:
        """Count what earlier runs paid by the ledger's rows, time included."""
        for row in rows:
            forwards, tokens = cast(int, row["forwards"]), cast(int, row["tokens"])
            self.pay(forwards, tokens, cast(float, row["seconds"]))
        self._began -= self.spent.seconds

    @property
    def remaining(self) -> int | None:
        """Prompts that the budget has room for; None if it has no limit."""
        if self.limits.prompts is None:
            return None
        return max(0, self.limits.prompts - self.spent.prompts)

    def pay(self, forwards: int, tokens: int, seconds: float) -> None:
        """Pay for what has passed through a model."""
        self.spent = replace(
            self.spent,
            forwards=self.spent.forwards + forwards,
            tokens=self.spent.tokens + tokens,
            seconds=self.spent.seconds + seconds,
        )

    def pay_prompt(self) -> None:
        """Pay for one more distinct prompt on dev."""
        self.spent = replace(self.spent, prompts=self.spent.prompts + 1)

    def within_budget(self, fresh: Sequence[bool]) -> int:
        """Return how many of these prompts may be scored; only fresh ones cost something."""
        if (remaining := self.remaining) is None:
            return len(fresh)
        needed = accumulate(fresh)
        return next((i for i, count in enumerate(needed) if count > remaining), len(fresh))

    def within(self, limits: Limits) -> "Budget":
        """Return a budget with other limits, from which the same has been spent."""
        return replace(self, limits=limits)

    def check_time(self) -> None:
        """Raise BudgetSpent if time is over."""
        over = time.monotonic() - self._began
        if self.limits.seconds is not None and over >= self.limits.seconds:
            raise BudgetSpent("time")

    def affordable(self, count: int, reserve: int, cost: Callable[[int], int]) -> int:
        """Return how many of the first `count` texts may pass.

        `cost(n)` is the forwards that n of them take; `reserve` forwards stay back.
        Raises BudgetSpent if there is room for none.
        """
        if self.limits.forwards is None:
            return count
        remaining = self.limits.forwards - self.spent.forwards - reserve
        if cost(count) <= remaining:
            return count
        # Texts that share a passage cost less: the price is no straight line in their number.
        few, many = 0, count
        while few + 1 < many:
            middle = (few + many) // 2
            few, many = (middle, many) if cost(middle) <= remaining else (few, middle)
        if few == 0:
            raise BudgetSpent("max-forwards")
        return few
