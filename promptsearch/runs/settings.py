"""Settings that all strategies share: how prompts are scored, and when a search stops."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from promptsearch.data import TaskKind
from promptsearch.engine.progress import Limits
from promptsearch.errors import RunError
from promptsearch.metrics import OBJECTIVES, suits
from promptsearch.models import LengthNorm, MultiToken, OptionsScore, Scoring
from promptsearch.models.finetuning.config import FinetuneConfig
from promptsearch.parallel import Backend, Workers
from promptsearch.scoring.calibration import Calibration
from promptsearch.scoring.label_aggregation import AnswerScore

RankBy = Literal["frozen", "finetune"]


SCORED = {  # what an answer's score is, by setting
    "multi_token": (None, *get_args(MultiToken)),
    "answer_score": get_args(AnswerScore),
    "length_norm": get_args(LengthNorm),
    "options_score": get_args(OptionsScore),
}


@dataclass(frozen=True)
class Settings:
    """Settings of any strategy's search: objective, budget, scoring, workers, ranking."""

    objective: str = "log-likelihood"
    budget: int | None = 200  # distinct prompts scored on dev, the start included
    max_forwards: int | None = None
    seconds: float | None = None
    multi_token: MultiToken | None = None  # None: independent for facts, else left-to-right
    answer_score: AnswerScore = "sum"
    length_norm: LengthNorm = "none"
    options_score: OptionsScore = "logit"
    options_per_pass: int | None = None  # of the layout options; None: all at once
    calibration: Calibration = "none"
    workers: int = 1
    backend: Backend = "loky"
    cluster: str | None = None  # a dask scheduler's or ray's address
    cache: Path | None = None  # a directory of scores, kept across runs
    race: bool = False
    seed: int = 0
    rank_by: RankBy = "frozen"  # or finalists by what copies of the model, tuned to them, say
    finetune_top: int = FinetuneConfig.top
    finetune_steps: int = FinetuneConfig.steps
    finetune_batch: int = FinetuneConfig.batch
    finetune_lr: float = FinetuneConfig.lr

    def __post_init__(self) -> None:
        if self.rank_by not in get_args(RankBy):
            raise RunError(f"there is no ranking by {self.rank_by!r}; use frozen or finetune")
        for name, known in SCORED.items():
            if (value := getattr(self, name)) not in known:
                choices = ", ".join(filter(None, known))
                raise RunError(f"there is no {name} {value!r}; use {choices}")
        self._check_passes()
        values, default = asdict(self._recipe), asdict(FinetuneConfig())
        changed = [
            f"`finetune_{n}` {value:g}" for n, value in values.items() if value != default[n]
        ]
        if changed and self.rank_by == "frozen":
            raise RunError(f"{changed[0]} needs `rank_by` finetune; add it, or leave this out")

        if self.tuning is not None and self.calibration != "none":
            raise RunError(
                f"`calibration` {self.calibration} and `rank_by` finetune do not go together: a "
                "tuned copy has learned its prior; leave one out"
            )

    def _check_passes(self) -> None:
        if self.options_per_pass is None:
            return
        if self.options_per_pass < 1:
            raise RunError(
                f"`options_per_pass` {self.options_per_pass} is too small; give 1 or more"
            )
        if self.options_score != "log-odds":
            raise RunError(
                "`options_per_pass` compares options of several passes, which logits do not allow; "
                "add `options_score` log-odds"
            )

    @property
    def tuning(self) -> FinetuneConfig | None:
        """The fine-tuning of finalists; None if the frozen model ranks."""
        return self._recipe if self.rank_by == "finetune" else None

    @property
    def _recipe(self) -> FinetuneConfig:
        return FinetuneConfig(
            self.finetune_top, self.finetune_steps, self.finetune_batch, self.finetune_lr
        )

    @property
    def worker_setup(self) -> Workers:
        """The processes that do the work."""
        return Workers(self.workers, self.backend, self.cluster)

    def scored_as(self, kind: TaskKind, options: bool = False) -> dict[str, object]:
        """Return how answers and labels are scored, as files say it; `options`: of these too."""
        saved = asdict(self.scoring(kind))
        score, passes = saved.pop("options_score"), saved.pop("options_per_pass")
        calibrated = {} if self.calibration == "none" else {"calibration": self.calibration}
        per_pass = {} if passes is None else {"options_per_pass": passes}
        more = {**calibrated, **({"options_score": score, **per_pass} if options else {})}
        return {**saved, "answer_score": self.answer_score, **more}

    def scoring(self, kind: TaskKind) -> Scoring:
        """Return how answers are scored, with the default that the kind of task has."""
        multi_token = self.multi_token or kind.multi_token
        options = self.options_score, self.options_per_pass
        return Scoring(multi_token, self.length_norm, *options)

    def metric(self, kind: TaskKind) -> str:
        """Return the objective's key in the scores.

        Raises RunError if the task does not have it.
        """
        if self.objective not in OBJECTIVES or not suits(OBJECTIVES[self.objective], kind):
            suitable = [name for name, metric in OBJECTIVES.items() if suits(metric, kind)]
            raise RunError(
                f"the objective {self.objective!r} does not suit a {kind} task; "
                f"use {', '.join(suitable)}"
            )
        return OBJECTIVES[self.objective]

    @property
    def limits(self) -> Limits:
        return Limits(self.budget, self.max_forwards, self.seconds)
