"""The `Score` that a strategy calls: one trial a prompt, within the budget."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from promptsearch.engine.budget import ModelCall
from promptsearch.engine.gain import Gain, gain_of
from promptsearch.engine.race import Race
from promptsearch.engine.trial import On, Trial
from promptsearch.engine.trial_scorer import FINALISTS, Keyed, TrialScorer
from promptsearch.errors import BudgetSpent
from promptsearch.metrics.predictions import Predictions
from promptsearch.prompt import Prompt
from promptsearch.scoring.split_scorer import Rows, SplitScorer


@dataclass
class Exploration:
    """Trials of the prompts that a strategy proposes; implements `engine.Score`.

    `make_fast` makes a faster scorer once there are many prompts to rank. In a race, prompts that
    are plainly worse than the best stay as incomplete trials. Prompts that the task cannot have
    are not scored: their trials are incomplete, without a row.
    """

    scorer: TrialScorer
    make_fast: Callable[[], SplitScorer] | None = None
    race: Race | None = None
    trials: dict[str, Trial] = field(default_factory=dict)  # by key, in the order first asked for
    reads: Callable[[Prompt], bool] = lambda _: True

    def __call__(
        self, prompts: Iterable[Prompt], *, on: On = "dev", rows: Sequence[int] | None = None
    ) -> list[Trial]:
        proposed = list(prompts)
        requests = [prompt for prompt in proposed if self._is_readable(prompt)]
        keys = [self.scorer.key(prompt, on, rows) for prompt in requests]
        new = {key: p for key, p in zip(keys, requests, strict=True) if key not in self.trials}
        affordable = self.scorer.affordable(list(new.items()), on)
        self._choose_scorer(len(new), on)
        for key, trial in self._measured(affordable, on, rows):
            self.trials[key] = trial
        if len(affordable) < len(new):
            raise BudgetSpent("budget")
        scored = {p: self.trials[key] for p, key in zip(requests, keys, strict=True)}
        return [scored.get(prompt) or _unscored(prompt, on) for prompt in proposed]

    def _is_readable(self, prompt: Prompt) -> bool:
        """The manual prompt is always asked: what is wrong with it must be said."""
        return prompt == self.scorer.start or self.reads(prompt)

    def once(self, name: str, prepare: Callable[[], ModelCall]) -> object:
        """See `engine.Score`."""
        return self.scorer.once(name, prepare, self.trials)

    def gain(
        self, ours: Sequence[Prompt], theirs: Sequence[Prompt], out: Sequence[int] = ()
    ) -> Gain:
        """See `engine.Score`; the rows `out` are not looked at."""
        first, second = (
            [self.on_dev(prompt, out) for prompt in prompts] for prompts in (ours, theirs)
        )
        return gain_of(first, second, self.scorer.objective)

    def on_dev(self, prompt: Prompt, out: Sequence[int] = ()) -> Predictions:
        """Return what a prompt with a complete trial predicted of dev, without the rows `out`."""
        predictions = self.scorer.predictions(self.scorer.key(prompt, "dev", None), prompt, "dev")
        if not out:
            return predictions
        rows = np.arange(self.scorer.scorer.count("dev"))
        return predictions.on_rows(np.setdiff1d(rows, np.array(out)).tolist())

    @property
    def remaining(self) -> int | None:
        """Prompts that the budget has room for; None if it has no limit."""
        return self.scorer.budget.remaining

    def _choose_scorer(self, new: int, on: On) -> None:
        """Rank with the faster scorer from the first request on that makes prompts many."""
        many = on == "train" or self.scorer.budget.spent.prompts + new > FINALISTS
        if self.make_fast is not None and many and self.scorer.fast is None:
            self.scorer.fast = self.make_fast()

    def _measured(self, requests: Keyed, on: On, rows: Rows) -> Iterator[tuple[str, Trial]]:
        if self.race is not None and on == "dev" and rows is None:
            return self.race.run(requests, self.scorer, self.trials)
        return self.scorer.measure(requests, on, rows, self.trials)


def _unscored(prompt: Prompt, on: On) -> Trial:
    """Return the trial of a prompt that cannot be asked: worse than any."""
    return Trial("", prompt, {"log_likelihood": float("-inf"), "n": 0}, on, complete=False)
