"""Trials of a search, and the result that ranks them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from promptsearch.engine.race_statistics import RaceReport
from promptsearch.metrics.predictions import Scores
from promptsearch.models.finetuning.config import FinetuneConfig
from promptsearch.prompt import Prompt

On = Literal["dev", "train"]


@dataclass(frozen=True)
class Trial:
    """A prompt and its scores on a split (`complete`: on all the rows it was asked for)."""

    id: str
    prompt: Prompt
    scores: Scores
    split: On = "dev"
    n: int = 0
    complete: bool = True
    exact: bool = True  # scored in float32 (or the one dtype there is); others only rank
    tuned: Scores | None = None  # on dev too, of a copy of the model that was tuned to the prompt


@dataclass(frozen=True)
class Spent:
    """Prompts, forwards, tokens and seconds of a search, over all the runs that resumed it."""

    prompts: int = 0  # distinct ones scored on dev, the start included
    forwards: int = 0
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Tuned:
    """Configuration of the finalists' fine-tuning, and how many are done."""

    tuning: FinetuneConfig
    finalists: int
    done: int = 0


@dataclass(frozen=True)
class Expectation:
    """Expected scores of the best prompt and, if there is one, of the ensemble of the best.

    Each is {metric: mean, metric + "_ci95": [low, high], "n": rows}; `vs_manual` in it has the
    paired differences to the manual prompt, in the same form.
    """

    best: Mapping[str, object]
    ensemble: Mapping[str, object] | None
    folds: int
    gain: Mapping[str, object] | None = None  # of the ensemble over the best prompt, row by row

    def ensemble_wins(self, objective: str) -> bool:
        """Return whether the ensemble shall answer: it is not surely worse than the best prompt.

        Ensembles of a search are better more often than not, and a few dozen rows cannot tell.
        """
        return self.gain is not None and not surely_worse(self.gain, objective)


@dataclass(frozen=True)
class Result:
    """All trials of a search, in the order first asked for, and the reason it ended."""

    trials: tuple[Trial, ...]
    objective: str = "log_likelihood"  # a key of `Scores`
    spent: Spent = field(default_factory=Spent)
    stopped_because: str = (
        "finished"  # or "budget", "max-forwards", "time", "interrupted", "step ..."
    )
    race: RaceReport | None = None
    exact: bool = True  # whether the finalists were scored exactly; else all are only ranked
    tuned: Tuned | None = None
    expected: Expectation | None = None

    @property
    def ranked(self) -> list[Trial]:
        """Complete dev trials, best first; only the exact ones, where there are any.

        Those that the model was tuned to come first, by their tuned scores.
        """
        eligible = [trial for trial in self.trials if trial.exact or not self.exact]
        frozen = ranked(eligible, self.objective)
        tuned = [trial for trial in frozen if trial.tuned is not None]
        rest = [trial for trial in frozen if trial.tuned is None]
        tuned.sort(key=lambda trial: ranking_key(trial.tuned or {}, self.objective), reverse=True)
        return [*tuned, *rest]

    @property
    def best(self) -> Trial:
        return self.ranked[0]

    @property
    def manual(self) -> Trial:
        """The prompt the search started from."""
        return self.trials[0]


def surely_worse(gain: Mapping[str, object], objective: str) -> bool:
    """Return whether a gain's 95% interval lies below 0: the objective's, or log-likelihood's."""
    key = objective if objective in gain else "log_likelihood"
    match gain.get(f"{key}_ci95"):
        case [_, float(high)]:
            return high < 0
    return False


def ranked(trials: Iterable[Trial], objective: str) -> list[Trial]:
    """Return the trials that may win, best first; ties by log-likelihood, then the earliest."""
    eligible = [trial for trial in trials if trial.split == "dev" and trial.complete]
    return sorted(eligible, key=lambda trial: ranking_key(trial.scores, objective), reverse=True)


def ranking_key(scores: Scores, objective: str) -> tuple[float, float]:
    """Return what is better comes later: by the objective, then by log-likelihood."""
    return _number(scores.get(objective)), _number(scores.get("log_likelihood"))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("-inf")
