"""How a search is judged, and when it stops: what all strategies have in common."""

from dataclasses import dataclass
from pathlib import Path

from promptsearch.errors import RunError
from promptsearch.metrics import OBJECTIVES, suits
from promptsearch.models import LengthNorm, MultiToken, Scoring
from promptsearch.parallel import Backend, Crew
from promptsearch.progress import Limits
from promptsearch.scoring.labelling import AnswerScore


@dataclass(frozen=True)
class Settings:
    """How any strategy's search is judged, and when it stops."""

    objective: str = "log-likelihood"
    budget: int | None = 200  # distinct prompts scored on dev, the start included
    max_forwards: int | None = None
    seconds: float | None = None
    multi_token: MultiToken | None = None  # None: independent for facts, else left-to-right
    answer_score: AnswerScore = "sum"
    length_norm: LengthNorm = "none"
    workers: int = 1
    backend: Backend = "loky"
    cluster: str | None = None  # a dask scheduler's or ray's address
    cache: Path | None = None  # a directory of scores, kept across runs
    race: bool = False
    seed: int = 0

    @property
    def crew(self) -> Crew:
        """The processes that do the work."""
        return Crew(self.workers, self.backend, self.cluster)

    def scoring(self, kind: str) -> Scoring:
        """How answers are scored, with the default that the kind of task has."""
        default: MultiToken = "independent" if kind == "facts" else "left-to-right"
        return Scoring(self.multi_token or default, self.length_norm)

    def metric(self, kind: str) -> str:
        """The objective's key in the scores; `RunError` where the task does not have it."""
        if self.objective not in OBJECTIVES or not suits(OBJECTIVES[self.objective], kind):
            able = [name for name, metric in OBJECTIVES.items() if suits(metric, kind)]
            raise RunError(
                f"the objective {self.objective!r} does not suit a {kind} task; "
                f"use {', '.join(able)}"
            )
        return OBJECTIVES[self.objective]

    @property
    def limits(self) -> Limits:
        return Limits(self.budget, self.max_forwards, self.seconds)
