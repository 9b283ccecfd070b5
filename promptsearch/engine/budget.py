"""What a search may spend, and what it has spent."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import NamedTuple, cast

from promptsearch.engine.ledger import Row
from promptsearch.engine.progress import Limits
from promptsearch.engine.trial import Spent
from promptsearch.errors import BudgetSpent
from promptsearch.scoring import Cost


class ModelCall(NamedTuple):
    """A strategy's own passes through a model: what they cost, and how they are done."""

    cost: Cost  # an upper bound, where `spent` tells what it took once it is done
    run: Callable[[], object]  # gives JSON values
    spent: Callable[[], Cost] | None = None

    @property
    def actual_cost(self) -> Cost:
        """What the work took."""
        return self.cost if self.spent is None else self.spent()


@dataclass
class Budget:
    """Pays for prompts and forwards, and ends a search that has no more."""

    limits: Limits
    spent: Spent = field(default_factory=Spent)
    _began: float = field(default_factory=time.monotonic)

    def resume(self, rows: Iterable[Row]) -> None:
        """What the ledger's rows say was paid by earlier runs: this one has that much less time."""
        for row in rows:
            forwards, tokens = cast(int, row["forwards"]), cast(int, row["tokens"])
            self.pay(forwards, tokens, cast(float, row["seconds"]))
        self._began -= self.spent.seconds

    @property
    def remaining(self) -> int | None:
        """Prompts that the budget has room for; None: as many as there are."""
        if self.limits.prompts is None:
            return None
        return max(0, self.limits.prompts - self.spent.prompts)

    def pay(self, forwards: int, tokens: int, seconds: float) -> None:
        """For what has passed through a model."""
        self.spent = replace(
            self.spent,
            forwards=self.spent.forwards + forwards,
            tokens=self.spent.tokens + tokens,
            seconds=self.spent.seconds + seconds,
        )

    def pay_prompt(self) -> None:
        """For one more distinct prompt on dev."""
        self.spent = replace(self.spent, prompts=self.spent.prompts + 1)

    def within_budget(self, fresh: Sequence[bool]) -> int:
        """How many of these prompts may be scored; those that are not fresh cost nothing."""
        if (remaining := self.remaining) is None:
            return len(fresh)
        needed = accumulate(fresh)
        return next((i for i, count in enumerate(needed) if count > remaining), len(fresh))

    def forget_time(self) -> None:
        """From now on time does not end the search."""
        self.limits = replace(self.limits, seconds=None)

    def check_time(self) -> None:
        """`BudgetSpent` where time is over."""
        over = time.monotonic() - self._began
        if self.limits.seconds is not None and over >= self.limits.seconds:
            raise BudgetSpent("time")

    def affordable(self, count: int, reserve: int, cost: Callable[[int], int]) -> int:
        """How many of the first `count` things may pass, `cost(n)` forwards being that of n.

        `reserve` forwards stay back. `BudgetSpent` where it is none.
        """
        if self.limits.forwards is None:
            return count
        remaining = self.limits.forwards - self.spent.forwards - reserve
        while count:
            price = cost(count)
            if price <= remaining:
                return count
            count = min(count - 1, max(0, remaining) * count // price)
        raise BudgetSpent("max-forwards")
