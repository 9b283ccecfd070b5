"""A search's books: what was asked, scored and paid, and what the ledger already knew."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import numpy as np

from promptsearch.errors import BudgetSpent
from promptsearch.judging import Judge, Rows
from promptsearch.ledger import Ledger, Row, entry
from promptsearch.metrics import Floats, Scores, per_example
from promptsearch.progress import Limits, OnProgress, Progress
from promptsearch.prompt import Prompt
from promptsearch.trial import On, Spent, Trial, ranked

FINALISTS = 20  # scored again where a faster judge ranked, the manual prompt beside them
TEXTS_PER_CHUNK = 2048  # prompts x examples scored, and kept, at a time

Keyed = Sequence[tuple[str, Prompt]]


@dataclass
class Scorebook:
    """Scores prompts chunk by chunk, within the limits, through the ledger."""

    start: Prompt
    judge: Judge  # gives the scores that count
    objective: str
    limits: Limits
    ledger: Ledger
    on_progress: OnProgress | None = None
    ranking: Callable[[], Judge] | None = None  # makes a faster one, once there are many prompts
    contest: Callable[[Keyed], None] | None = None  # a race, which makes some trials incomplete
    trials: dict[str, Trial] = field(default_factory=dict)  # by key, in the order first asked for
    spent: Spent = field(default_factory=Spent)
    values: dict[str, Floats] = field(default_factory=dict)  # (example,) by key, where kept
    _known: dict[str, Row] = field(default_factory=dict)
    _ids: dict[Prompt, str] = field(default_factory=dict)
    _counted: set[Prompt] = field(default_factory=set)
    _ranker: Judge | None = None  # judges now, if there is one
    _speed: list[tuple[int, float]] = field(default_factory=list)  # (texts, seconds) a chunk
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
        keys = [self.key(prompt, on, rows) for prompt in asked]
        new = {key: p for key, p in zip(keys, asked, strict=True) if key not in self.trials}
        affordable = self._affordable(list(new.items()), on)
        many = on == "train" or self.spent.prompts + len(new) > FINALISTS
        if self.ranking is not None and many and self._ranker is None:
            self._ranker = self.ranking()
        if self.contest is not None and on == "dev" and rows is None:
            self.contest(affordable)
        else:
            for key, trial in self.measured(affordable, on, rows):
                self.trials[key] = trial
        if len(affordable) < len(new):
            raise BudgetSpent("budget")
        return [self.trials[key] for key in keys]

    def judge_exactly(self) -> None:
        """From now on only scores that count are given, whatever time it takes."""
        self.ranking = self._ranker = None
        self.limits = replace(self.limits, seconds=None)

    @property
    def _judge(self) -> Judge:
        return self._ranker or self.judge

    def _affordable(self, new: Keyed, on: On) -> Keyed:
        """As many of the first prompts as the budget has room for."""
        if on == "train" or self.limits.prompts is None:
            return new
        left = self.limits.prompts - self.spent.prompts
        for place, (_, prompt) in enumerate(new):
            left -= prompt not in self._counted
            if left < 0:
                return new[:place]
        return new

    def key(self, prompt: Prompt, on: On, rows: Rows) -> str:
        """What names a trial in the ledger."""
        chosen = None if rows is None else list(rows)
        return json.dumps([str(prompt.template), self._verbalizer(prompt), on, chosen])

    def _verbalizer(self, prompt: Prompt) -> object:
        """Written out where it is not the task's own: facts have thousands of candidates."""
        return None if prompt.verbalizer == self.start.verbalizer else prompt.verbalizer.plain()

    def measured(
        self, wanted: Keyed, on: On, rows: Rows, kept: str | None = None
    ) -> Iterator[tuple[str, Trial]]:
        """Trials by key as they come: what the ledger knows, then the rest chunk by chunk.

        `kept` is a metric whose values, example by example, go into the ledger too.
        """
        todo = []
        for key, prompt in wanted:
            if key in self._known:
                yield key, self._keep(key, prompt, self._known[key], on, rows)
            else:
                todo.append((key, prompt))
        examples = self._examples(on, rows)
        size = max(1, TEXTS_PER_CHUNK // examples)
        self._tell(todo, examples)  # the plan, before the work
        for first in range(0, len(todo), size):
            chunk = self._within_limits(todo[first : first + size], on, rows)
            yield from self._score_chunk(chunk, on, rows, kept)
            self._tell(todo[first + len(chunk) :], examples)
            if len(chunk) < len(todo[first : first + size]):
                raise BudgetSpent("max-forwards")

    def _examples(self, on: On, rows: Rows) -> int:
        return self.judge.count(on) if rows is None else len(rows)

    def _within_limits(self, chunk: Keyed, on: On, rows: Rows) -> Keyed:
        """As many of the prompts as the limits on time and forwards allow."""
        elapsed = time.monotonic() - self._began
        if self.trials and self.limits.seconds is not None and elapsed >= self.limits.seconds:
            raise BudgetSpent("time")
        if self.limits.forwards is None:
            return chunk
        left = self.limits.forwards - self.spent.forwards - self._reserve(chunk)
        while chunk:
            cost = self._judge.cost([prompt for _, prompt in chunk], on, rows).forwards
            if cost <= left:
                return chunk
            chunk = chunk[: min(len(chunk) - 1, max(0, left) * len(chunk) // cost)]
        raise BudgetSpent("max-forwards")

    def _reserve(self, chunk: Keyed) -> int:
        """Forwards to score the finalists and the manual prompt again, where that will be done."""
        if self._ranker is None:
            return 0
        again = min(FINALISTS + 1, self.spent.prompts + len(chunk))
        return again * self.judge.cost([chunk[0][1]], "dev", None).forwards

    def _score_chunk(
        self, chunk: Keyed, on: On, rows: Rows, kept: str | None
    ) -> list[tuple[str, Trial]]:
        began = time.perf_counter()
        judged = self._judge.judged([prompt for _, prompt in chunk], on, rows)
        seconds = time.perf_counter() - began
        found, entries = [], []
        for (key, prompt), judgement in zip(chunk, judged.judgements, strict=True):
            scored: dict[str, object] = {"scores": self.judge.scores(judgement)}
            scored["exact"] = self._ranker is None
            if kept is not None:
                scored["values"] = per_example(judgement, kept).tolist()
            trial = self._keep(key, prompt, scored, on, rows)
            entries.append({**entry(key, trial, self._verbalizer(prompt), rows), **scored})
            found.append((key, trial))
        # The chunk's cost stands in its first row: it cannot be told apart by prompt.
        paid = {"forwards": judged.cost.forwards, "tokens": judged.cost.tokens, "seconds": seconds}
        nothing = dict.fromkeys(paid, 0)
        self.ledger.append([{**e, **(nothing if i else paid)} for i, e in enumerate(entries)])
        self._pay(judged.cost.forwards, judged.cost.tokens, seconds)
        self._speed.append((len(chunk) * self._examples(on, rows), seconds))
        self._peak_bytes = judged.cost.peak_bytes
        return found

    def _keep(self, key: str, prompt: Prompt, row: Row, on: On, rows: Rows) -> Trial:
        """The trial that a row of the ledger is; its prompt is counted once."""
        scores, values = cast(Scores, row["scores"]), row.get("values")
        if values is not None:
            self.values[key] = np.array(values)
        name = self._ids.setdefault(prompt, f"p{len(self._ids)}")
        if on == "dev" and prompt not in self._counted:
            self._counted.add(prompt)
            self.spent = replace(self.spent, prompts=self.spent.prompts + 1)
        complete, exact = rows is None or on == "train", bool(row.get("exact", True))
        return Trial(name, prompt, scores, on, cast(int, scores["n"]), complete, exact)

    def _pay(self, forwards: int, tokens: int, seconds: float) -> None:
        self.spent = replace(
            self.spent,
            forwards=self.spent.forwards + forwards,
            tokens=self.spent.tokens + tokens,
            seconds=self.spent.seconds + seconds,
        )

    def _tell(self, todo: Keyed, examples: int) -> None:
        if self.on_progress is None or not self._speed or not self.trials:
            return
        best = ranked(self.trials.values(), self.objective)[0]
        texts, seconds = (sum(column) for column in zip(*self._speed, strict=True))
        done, manual = self.spent.prompts, next(iter(self.trials.values()))
        left = len(todo) * examples * seconds / texts
        total = done + sum(prompt not in self._counted for _, prompt in todo)
        self.on_progress(Progress(done, total, best, manual, left, self.spent, self._peak_bytes))
