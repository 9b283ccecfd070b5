"""Folds of dev: the strategy runs once for each of them, and that run does not see its rows.

Whatever a run chose by, be it the start of a step or the winner, the rows of its fold had no part
in it; what its winner scores on them is what to expect on new rows. The runs share all scores, so
that a prompt which several of them come to is scored once.
"""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np

from promptsearch.engine.budget import ModelCall, affordable_first
from promptsearch.engine.exploration import Exploration
from promptsearch.engine.gain import Gain
from promptsearch.engine.trial import On, Trial
from promptsearch.errors import BudgetSpent
from promptsearch.metrics.folds import stratified_folds
from promptsearch.metrics.predictions import Ints
from promptsearch.prompt import Prompt

FOLDS = 4
LEAST_ROWS = 4  # of a fold; where dev has fewer, it is not folded
SHARE = 0.6  # of the budget that a run may ask for: most prompts are those of the other runs too


@dataclass(frozen=True)
class FoldRun:
    """Rows of dev that a run of the strategy did not see, and its trials on the others."""

    rows: tuple[int, ...]
    trials: tuple[Trial, ...]  # of complete prompts, in the order first asked for


def runs_over(rows: int, folds: int, race: bool = False) -> int:
    """Return how often a search runs that wants so many folds of dev: once where it cannot be.

    Folds of few rows tell nothing, and a race compares with the best on all rows.
    """
    return folds if not race and rows >= folds * LEAST_ROWS else 1


def share_of_run(budget: int | None, runs: int) -> int | None:
    """Return the prompts that each run may ask for, of a budget that all of them share."""
    if budget is None or runs == 1:
        return budget
    return min(budget, max(2, ceil(SHARE * budget)))


def deal(strata: Ints, seed: int, folds: int = FOLDS) -> list[tuple[int, ...]]:
    """Return the rows of each fold."""
    fold = stratified_folds(strata, folds, np.random.default_rng([seed, 20]))
    return [tuple(np.flatnonzero(fold == number).tolist()) for number in range(folds)]


@dataclass
class FoldScore:
    """The `engine.Score` of a run that does not see the rows of one fold.

    `budget` limits the prompts that this run asks for, whether or not others have before; `fresh`
    those of them that none has, so that the runs after it have some left.
    """

    inner: Exploration
    out: Sequence[int]
    budget: int | None
    trials: dict[Prompt, Trial] = field(default_factory=dict)  # on the rows that it sees
    fresh: int | None = None

    def __call__(
        self, prompts: Iterable[Prompt], *, on: On = "dev", rows: Sequence[int] | None = None
    ) -> list[Trial]:
        requests = list(prompts)
        if on == "train":
            return self.inner(requests, on=on, rows=rows)
        scored = set() if self.fresh is None else self._scored(requests)
        affordable = requests[: self._affordable(requests, scored)]
        if self.fresh is not None:
            self.fresh -= len(set(affordable) - scored)
        for prompt, trial in zip(affordable, self.inner(affordable), strict=True):
            if prompt not in self.trials:
                self.trials[prompt] = self._seen(replace(trial, prompt=prompt))
        if len(affordable) < len(requests):
            raise BudgetSpent("budget")
        return [self.trials[prompt] for prompt in requests]

    def once(self, name: str, prepare: Callable[[], ModelCall]) -> object:
        """See `engine.Score`."""
        return self.inner.once(name, prepare)

    def gain(self, ours: Sequence[Prompt], theirs: Sequence[Prompt]) -> Gain:
        """See `engine.Score`; of the rows that this run sees."""
        return self.inner.gain(ours, theirs, self.out)

    @property
    def remaining(self) -> int | None:
        """Prompts that this run may still ask for."""
        return None if self.budget is None else self.budget - len(self.trials)

    def _affordable(self, prompts: Sequence[Prompt], scored: Container[Prompt]) -> int:
        """Return how many of the first prompts this run may ask for."""
        asked = affordable_first(prompts, self.trials, self.remaining)
        return min(asked, affordable_first(prompts, scored, self.fresh))

    def _scored(self, prompts: Iterable[Prompt]) -> set[Prompt]:
        """Return the prompts that a run has asked for already."""
        scorer, known = self.inner.scorer, self.inner.trials
        return {prompt for prompt in prompts if scorer.key(prompt, "dev", None) in known}

    def _seen(self, trial: Trial) -> Trial:
        """Return the trial on the rows that this run sees."""
        return without_rows(self.inner, trial, self.out) if trial.complete else trial


def without_rows(exploration: Exploration, trial: Trial, out: Sequence[int]) -> Trial:
    """Return a complete trial on dev as it were without some rows; nothing is scored."""
    if not out:
        return trial
    predictions = exploration.on_dev(trial.prompt, out)
    scores = exploration.scorer.scorer.scores(predictions)
    return replace(trial, scores=scores, n=len(predictions.targets))


def folded_afterwards(exploration: Exploration, strata: Ints, seed: int) -> list[FoldRun]:
    """Return the folds of a search that has seen all rows, but chose nothing by them.

    Only of strategies whose prompts do not depend on what others scored on dev.
    """
    trials = [t for t in exploration.trials.values() if t.split == "dev" and t.complete]
    if runs_over(len(strata), FOLDS) == 1:
        return []
    return [
        FoldRun(rows, tuple(without_rows(exploration, trial, rows) for trial in trials))
        for rows in deal(strata, seed)
    ]
