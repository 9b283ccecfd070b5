"""The last phase of a search that ranks by fine-tuning: finalists are tuned one by one."""

from collections.abc import Iterator, Mapping, Sequence
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

LEDGER_NAME = "finetune"  # first word of the names of its rows in the ledger


class Tuner(Protocol):
    """Fine-tuning of model copies to prompts."""

    @property
    def config(self) -> FinetuneConfig: ...

    def call(self, prompt: Prompt) -> ModelCall:
        """Return the call that tunes a copy and gives its dev scores (None if it diverged)."""
        ...

    def summary(self, prompt: Prompt, finalists: int) -> str:
        """Return a line on what is about to be done, and what that costs."""
        ...

    def log(self, line: str) -> None: ...


@dataclass
class FinetuneStage:
    """Scores of finalists under model copies that were tuned to them, one after the other."""

    scorer: TrialScorer
    tuner: Tuner
    finalists: int = 0
    done: int = 0
    _fresh: int = 0  # of those that are done, by this run
    _seconds: float = 0.0

    def run(self, trials: Mapping[str, Trial]) -> Iterator[tuple[str, Trial]]:
        """Yield the finalists' trials with their tuned scores, as they are done."""
        chosen = finalists_of(trials, self.scorer, self.tuner.config.top)
        self.finalists = len(chosen)
        self.tuner.log(self.tuner.summary(self.scorer.start, self.finalists))
        for trial in chosen:
            before, call = self.scorer.budget.spent.seconds, partial(self.tuner.call, trial.prompt)
            scores = cast(Scores | None, self.scorer.once(self._name(trial), call, trials))
            tuned = replace(trial, tuned=scores)
            yield self.scorer.key(trial.prompt, "dev", None), tuned
            self._note(self.scorer.budget.spent.seconds - before)
            self.tuner.log(f"{self._line(tuned)} · {self.done}/{self.finalists}{self._rest()}")

    @property
    def report(self) -> Tuned:
        """The number of finalists, and how many of them were tuned."""
        return Tuned(self.tuner.config, self.finalists, self.done)

    def _name(self, trial: Trial) -> str:
        """Return the name of a finalist's row in the ledger."""
        return (
            f"{LEDGER_NAME} {self.tuner.config.course} {self.scorer.key(trial.prompt, 'dev', None)}"
        )

    def _note(self, seconds: float) -> None:
        self.done += 1
        if seconds:  # and not known from the ledger
            self._fresh, self._seconds = self._fresh + 1, self._seconds + seconds

    def _line(self, trial: Trial) -> str:
        """`tuned p3: log_likelihood -0.412 (frozen -0.613)`"""
        if trial.tuned is None:
            return f"tuned {trial.id} to no numbers: a lower `finetune_lr` may help"
        objective = self.scorer.objective
        now, frozen = (scores.get(objective) for scores in (trial.tuned, trial.scores))
        return f"tuned {trial.id}: {objective} {_figure(now)} (frozen {_figure(frozen)})"

    def _rest(self) -> str:
        """Return the time that the rest will take, by the speed so far."""
        todo = self.finalists - self.done
        if not self._fresh or not todo:
            return ""
        return f" · {timedelta(seconds=round(todo * self._seconds / self._fresh))} left"


def finalists_of(trials: Mapping[str, Trial], scorer: TrialScorer, top: int) -> Sequence[Trial]:
    """Return the best prompt, the manual one, then the next best: `top` in all.

    The first two come first, so that a stage cut short has something to compare.
    """
    exact = [trial for trial in trials.values() if trial.exact]
    by_prompt = {trial.prompt: trial for trial in ranked(exact, scorer.objective)}
    order = dict.fromkeys([next(iter(by_prompt)), scorer.start, *by_prompt])
    return [by_prompt[prompt] for prompt in order][:top]


def reserve_forwards(limits: Limits, tuner: Tuner, start: Prompt, known: Sequence[Row]) -> Limits:
    """Return the limits of the exploration: forwards for tuning the finalists stay back.

    `known` are the ledger's rows; tuning that they have is not paid again. Raises RunError if
    nothing is left to search with.
    """
    if limits.forwards is None:
        return limits
    each = tuner.call(start).cost.forwards
    paid = sum(
        cast(int, r["forwards"]) for r in known if str(r["key"]).startswith(f"work {LEDGER_NAME}")
    )
    remaining = limits.forwards - tuner.config.top * each + paid
    if remaining <= 0:
        raise RunError(
            f"`max_forwards` {limits.forwards} leaves nothing to search with: tuning "
            f"{tuner.config.top} finalists takes {tuner.config.top * each:,}; raise it, or lower "
            "`finetune_top` or `finetune_steps`"
        )
    return replace(limits, forwards=remaining)


def _figure(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else "-"
