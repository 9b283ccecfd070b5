"""What a search has tried: trials, and the result that ranks them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from promptsearch.metrics import Scores
from promptsearch.prompt import Prompt
from promptsearch.racing import RaceReport

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


@dataclass(frozen=True)
class Spent:
    """What a search has used, over all the runs that resumed it."""

    prompts: int = 0  # distinct ones scored on dev, the start included
    forwards: int = 0
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Result:
    """Every trial of a search, in the order first asked for, and why the search ended."""

    trials: tuple[Trial, ...]
    objective: str = "log_likelihood"  # a key of `Scores`
    spent: Spent = field(default_factory=Spent)
    stopped_because: str = "finished"  # or "budget", "max-forwards", "time", "interrupted"
    race: RaceReport | None = None
    exact: bool = True  # whether the finalists were scored exactly; else all are only ranked

    @property
    def ranked(self) -> list[Trial]:
        """Complete dev trials, best first; only the exact ones, where there are any."""
        able = [trial for trial in self.trials if trial.exact or not self.exact]
        return ranked(able, self.objective)

    @property
    def best(self) -> Trial:
        return self.ranked[0]

    @property
    def manual(self) -> Trial:
        """The prompt the search started from."""
        return self.trials[0]


def ranked(trials: Iterable[Trial], objective: str) -> list[Trial]:
    """The trials that may win, best first; ties by log-likelihood, then the earliest."""
    able = [trial for trial in trials if trial.split == "dev" and trial.complete]
    return sorted(able, key=lambda trial: _merit(trial, objective), reverse=True)


def _merit(trial: Trial, objective: str) -> tuple[float, float]:
    return _number(trial.scores.get(objective)), _number(trial.scores.get("log_likelihood"))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("-inf")
