"""A search's books: what was asked, scored and paid, and what the ledger already knew."""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from promptsearch.errors import BudgetSpent
from promptsearch.judging import Judge, Work
from promptsearch.ledger import Ledger, Row
from promptsearch.metrics import Scores
from promptsearch.prompt import Prompt
from promptsearch.trial import On, Spent, Trial, ranked

TEXTS_PER_CHUNK = 2048  # prompts x examples scored, and kept, at a time


@dataclass(frozen=True)
class Limits:
    """When to stop: distinct prompts on dev (the start included), forwards, seconds."""

    prompts: int | None = None
    forwards: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Progress:
    """Where a search stands after a chunk."""

    done: int  # prompts scored on dev
    total: int  # of those asked for so far, within the budget
    best: Trial
    manual: Trial
    seconds_left: float  # until `total`, at the speed so far
    spent: Spent
    peak_bytes: int  # of the last chunk's largest batch, an upper estimate


OnProgress = Callable[[Progress], None]


@dataclass
class Scorebook:
    """Scores prompts chunk by chunk, within the limits, through the ledger."""

    start: Prompt
    judge: Judge
    objective: str
    limits: Limits
    ledger: Ledger
    on_progress: OnProgress | None
    trials: dict[str, Trial] = field(default_factory=dict)  # by key, in the order first asked for
    spent: Spent = field(default_factory=Spent)
    _known: dict[str, Row] = field(default_factory=dict)
    _ids: dict[Prompt, str] = field(default_factory=dict)
    _speed: list[tuple[int, float]] = field(default_factory=list)  # (prompts, seconds) a chunk
    _peak_bytes: int = 0
    _began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._known = {str(row["key"]): row for row in self.ledger.rows}
        for row in self.ledger.rows:
            self._pay(
                cast(int, row["forwards"]), cast(int, row["tokens"]), cast(float, row["seconds"])
            )
        self._began -= self.spent.seconds  # a resumed run has that much less time

    def score(
        self, prompts: Iterable[Prompt], *, on: On = "dev", rows: Sequence[int] | None = None
    ) -> list[Trial]:
        """See `engine.Score`."""
        asked = list(prompts)
        keys = [self._key(prompt, on, rows) for prompt in asked]
        new = {key: p for key, p in zip(keys, asked, strict=True) if key not in self.trials}
        affordable = list(new.items())[: self._left(on)]
        self._recall(affordable, on)
        self._score_chunks([pair for pair in affordable if pair[0] not in self.trials], on, rows)
        if len(affordable) < len(new):
            raise BudgetSpent("budget")
        return [self.trials[key] for key in keys]

    def _left(self, on: On) -> int | None:
        if on == "train" or self.limits.prompts is None:
            return None
        return max(0, self.limits.prompts - self.spent.prompts)

    def _key(self, prompt: Prompt, on: On, rows: Sequence[int] | None) -> str:
        chosen = None if rows is None else list(rows)
        return json.dumps([str(prompt.template), self._verbalizer(prompt), on, chosen])

    def _verbalizer(self, prompt: Prompt) -> object:
        """Written out where it is not the task's own: facts have thousands of candidates."""
        return None if prompt.verbalizer == self.start.verbalizer else prompt.verbalizer.plain()

    def _recall(self, wanted: Sequence[tuple[str, Prompt]], on: On) -> None:
        """Take what an earlier run of this search has scored."""
        for key, prompt in wanted:
            if row := self._known.get(key):
                self._keep(key, prompt, cast(Scores, row["scores"]), on)

    def _score_chunks(
        self, wanted: Sequence[tuple[str, Prompt]], on: On, rows: Sequence[int] | None
    ) -> None:
        size = max(1, TEXTS_PER_CHUNK // (self.judge.count(on) if rows is None else len(rows)))
        self._tell(len(wanted))  # the plan, before the work
        for first in range(0, len(wanted), size):
            chunk = wanted[first : first + size]
            work = self._affordable_work([prompt for _, prompt in chunk], on, rows)
            self._score_chunk(chunk[: len(work.prompts)], work, on, rows)
            self._tell(len(wanted) - first - len(work.prompts))
            if len(work.prompts) < len(chunk):
                raise BudgetSpent("max-forwards")

    def _affordable_work(self, prompts: list[Prompt], on: On, rows: Sequence[int] | None) -> Work:
        """The work on as many of the prompts as the limits on time and forwards allow."""
        elapsed = time.monotonic() - self._began
        if self.trials and self.limits.seconds is not None and elapsed >= self.limits.seconds:
            raise BudgetSpent("time")
        while prompts:
            work = self.judge.plan(prompts, on, rows)
            if (
                self.limits.forwards is None
                or self.spent.forwards + work.forwards <= self.limits.forwards
            ):
                return work
            prompts = prompts[:-1]
        raise BudgetSpent("max-forwards")

    def _score_chunk(
        self, chunk: Sequence[tuple[str, Prompt]], work: Work, on: On, rows: Sequence[int] | None
    ) -> None:
        began = time.perf_counter()
        scores = self.judge.scores(work)
        cost = Spent(0, work.forwards, work.tokens, time.perf_counter() - began)
        kept = [self._keep(key, p, s, on) for (key, p), s in zip(chunk, scores, strict=True)]
        # The chunk's cost stands in its first row: it cannot be told apart by prompt.
        costs = [cost] + [Spent()] * (len(kept) - 1)
        self.ledger.append(
            [
                self._row(key, trial, rows, paid)
                for (key, _), trial, paid in zip(chunk, kept, costs, strict=True)
            ]
        )
        self._pay(cost.forwards, cost.tokens, cost.seconds)
        self._speed.append((len(chunk), cost.seconds))
        self._peak_bytes = work.peak_bytes

    def _keep(self, key: str, prompt: Prompt, scores: Scores, on: On) -> Trial:
        name = self._ids.setdefault(prompt, f"p{len(self._ids)}")
        trial = Trial(name, prompt, scores, on, cast(int, scores["n"]))
        self.trials[key] = trial
        if on == "dev":
            self.spent = replace(self.spent, prompts=self.spent.prompts + 1)
        return trial

    def _row(self, key: str, trial: Trial, rows: Sequence[int] | None, cost: Spent) -> Row:
        source = trial.prompt.source
        return {
            "id": trial.id,
            "key": key,
            "template": str(trial.prompt.template),
            "verbalizer": self._verbalizer(trial.prompt),
            "split": trial.split,
            "rows": None if rows is None else list(rows),
            "scores": trial.scores,
            "n": trial.n,
            "complete": trial.complete,
            "source": {"strategy": source.strategy, "parents": list(source.parents)},
            "forwards": cost.forwards,
            "tokens": cost.tokens,
            "seconds": cost.seconds,
        }

    def _pay(self, forwards: int, tokens: int, seconds: float) -> None:
        self.spent = replace(
            self.spent,
            forwards=self.spent.forwards + forwards,
            tokens=self.spent.tokens + tokens,
            seconds=self.spent.seconds + seconds,
        )

    def _tell(self, still_to_do: int) -> None:
        if self.on_progress is None or not self._speed:
            return
        best = ranked(self.trials.values(), self.objective)[0]
        prompts, seconds = (sum(column) for column in zip(*self._speed, strict=True))
        done, manual = self.spent.prompts, next(iter(self.trials.values()))
        left = still_to_do * seconds / prompts
        total = done + still_to_do
        self.on_progress(Progress(done, total, best, manual, left, self.spent, self._peak_bytes))
