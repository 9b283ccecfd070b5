"""The last stage of a search that ranks by tuning: finalists one by one, kept as they are done."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Protocol, cast

from promptsearch.engine.budget import ModelCall
from promptsearch.engine.ledger import Row
from promptsearch.engine.progress import Limits
from promptsearch.engine.trial import Trial, Tuned, ranked
from promptsearch.engine.trial_scorer import TrialScorer
from promptsearch.errors import RunError
from promptsearch.metrics.predictions import Scores
from promptsearch.models.finetuning.config import FinetuneConfig
from promptsearch.prompt import Prompt

WORK = "finetune"  # what rows of the ledger begin with


class Tuner(Protocol):
    """What a search needs of tuning."""

    @property
    def tuning(self) -> FinetuneConfig: ...

    def chore(self, prompt: Prompt) -> ModelCall:
        """Tune a copy to the prompt: gives its scores on dev, or None where it came to nothing."""
        ...

    def about(self, prompt: Prompt, finalists: int) -> str:
        """What is about to be done, and what that costs, in a line."""
        ...

    def log(self, line: str) -> None: ...


@dataclass
class FinetuneStage:
    """Tunes the finalists of a book."""

    scorer: TrialScorer
    tuner: Tuner
    finalists: int = 0
    done: int = 0
    _fresh: int = 0  # of those that are done, by this run
    _seconds: float = 0.0

    def __post_init__(self) -> None:
        """As many as will be tuned are to have exact scores."""
        self.scorer.finalists = max(self.scorer.finalists, self.tuner.tuning.top)

    def run(self, limits: Limits) -> None:
        """Give finalists their tuned scores; what is done stays where a limit ends it."""
        self.scorer.budget.limits = limits
        chosen = finalists_of(self.scorer, self.tuner.tuning.top)
        self.finalists = len(chosen)
        self.tuner.log(self.tuner.about(self.scorer.start, self.finalists))
        for trial in chosen:
            before = self.scorer.budget.spent.seconds
            scores = self.scorer.once(self._name(trial), partial(self.tuner.chore, trial.prompt))
            trial = replace(trial, tuned=cast(Scores | None, scores))
            self.scorer.trials[self.scorer.key(trial.prompt, "dev", None)] = trial
            self._note(self.scorer.budget.spent.seconds - before)
            self.tuner.log(
                f"{self._about(trial)} · {self.done}/{self.finalists}{self._time_remaining()}"
            )

    @property
    def report(self) -> Tuned:
        """For the result."""
        return Tuned(self.tuner.tuning, self.finalists, self.done)

    def _name(self, trial: Trial) -> str:
        """Of a finalist's row in the ledger."""
        return f"{WORK} {self.tuner.tuning.course} {self.scorer.key(trial.prompt, 'dev', None)}"

    def _note(self, seconds: float) -> None:
        self.done += 1
        if seconds:  # and not known from the ledger
            self._fresh, self._seconds = self._fresh + 1, self._seconds + seconds

    def _about(self, trial: Trial) -> str:
        """`tuned p3: log_likelihood -0.412 (frozen -0.613)`"""
        if trial.tuned is None:
            return f"tuned {trial.id} to no numbers: a lower --finetune-lr may help"
        objective = self.scorer.objective
        now, frozen = (scores.get(objective) for scores in (trial.tuned, trial.scores))
        return f"tuned {trial.id}: {objective} {_figure(now)} (frozen {_figure(frozen)})"

    def _time_remaining(self) -> str:
        """The time that the rest will take, as measured."""
        todo = self.finalists - self.done
        if not self._fresh or not todo:
            return ""
        return f" · {timedelta(seconds=round(todo * self._seconds / self._fresh))} left"


def finalists_of(book: TrialScorer, top: int) -> Sequence[Trial]:
    """The best prompt, the manual one, then the next best: `top` in all.

    The first two come first, so that a stage cut short has something to compare.
    """
    by_prompt = {t.prompt: t for t in ranked(_exact(book), book.objective)}
    order = dict.fromkeys([next(iter(by_prompt)), book.start, *by_prompt])
    return [by_prompt[prompt] for prompt in order][:top]


def _exact(book: TrialScorer) -> list[Trial]:
    return [trial for trial in book.trials.values() if trial.exact]


def reserve_forwards(limits: Limits, tuner: Tuner, start: Prompt, known: Sequence[Row]) -> Limits:
    """The limits of the search before: forwards for the finalists stay back.

    `known` are the ledger's rows; what they say was paid for tuning is not needed again. `RunError`
    where nothing is left.
    """
    if limits.forwards is None:
        return limits
    each = tuner.chore(start).cost.forwards
    paid = sum(cast(int, r["forwards"]) for r in known if str(r["key"]).startswith(f"work {WORK}"))
    remaining = limits.forwards - tuner.tuning.top * each + paid
    if remaining <= 0:
        raise RunError(
            f"--max-forwards {limits.forwards} leaves nothing to search with: tuning "
            f"{tuner.tuning.top} finalists takes {tuner.tuning.top * each:,}; raise it, or lower "
            "--finetune-top or --finetune-steps"
        )
    return replace(limits, forwards=remaining)


def _figure(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "-"
