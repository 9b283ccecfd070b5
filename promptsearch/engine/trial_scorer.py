"""A search's books: what was asked, scored and paid, and what the ledger already knew."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np

from promptsearch.engine.budget import ModelCall, Budget
from promptsearch.engine.ledger import Ledger, Row, check_trials, entry
from promptsearch.engine.progress import PendingWork, Limits, OnProgress, Throughput
from promptsearch.engine.trial import On, Trial, ranked
from promptsearch.errors import BudgetSpent
from promptsearch.metrics.predictions import Floats, Scores, per_example
from promptsearch.prompt import Prompt
from promptsearch.scoring import Cost
from promptsearch.scoring.split_scorer import SplitScorer, Rows

FINALISTS = 20  # scored again where a faster judge ranked, the manual prompt beside them
TEXTS_PER_CHUNK = 2048  # prompts x examples scored, and kept, at a time

Keyed = Sequence[tuple[str, Prompt]]


@dataclass
class TrialScorer:
    """Scores prompts chunk by chunk, within the limits, through the ledger."""

    start: Prompt
    scorer: SplitScorer  # gives the scores that count
    objective: str
    limits: Limits
    ledger: Ledger
    on_progress: OnProgress | None = None
    ranking: Callable[[], SplitScorer] | None = (
        None  # makes a faster one, once there are many prompts
    )
    contest: Callable[[Keyed], None] | None = None  # a race, which makes some trials incomplete
    finalists: int = FINALISTS  # that will be scored again
    trials: dict[str, Trial] = field(default_factory=dict)  # by key, in the order first asked for
    values: dict[str, Floats] = field(default_factory=dict)  # (example,) by key, where kept
    _known: dict[str, Row] = field(default_factory=dict)
    _ids: dict[Prompt, str] = field(default_factory=dict)
    _counted: set[Prompt] = field(default_factory=set)
    _ranker: SplitScorer | None = None  # judges now, if there is one
    _pace: Throughput = field(default_factory=Throughput)

    def __post_init__(self) -> None:
        self.budget = Budget(self.limits)
        check_trials(self.ledger)
        self._known = {str(row["key"]): row for row in self.ledger.rows}
        self.budget.resume(self.ledger.rows)

    def __call__(
        self, prompts: Iterable[Prompt], *, on: On = "dev", rows: Sequence[int] | None = None
    ) -> list[Trial]:
        """See `engine.Score`."""
        requests = list(prompts)
        keys = [self.key(prompt, on, rows) for prompt in requests]
        new = {key: p for key, p in zip(keys, requests, strict=True) if key not in self.trials}
        affordable = self._affordable(list(new.items()), on)
        many = on == "train" or self.budget.spent.prompts + len(new) > FINALISTS
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

    def once(self, name: str, prepare: Callable[[], ModelCall]) -> object:
        """See `engine.Score`."""
        key = f"work {name}"
        if key not in self._known:
            self._check_time()
            chore, began = prepare(), time.perf_counter()
            self.budget.affordable(1, self._reserve(self.start, 0), lambda _: chore.cost.forwards)
            value = chore.run()
            seconds, cost = time.perf_counter() - began, chore.actual_cost
            self.ledger.append([{"key": key, "made": value, **cost.paid(seconds)}])
            self.budget.pay(cost.forwards, cost.tokens, seconds)
            self._known[key] = {"made": value}
        return self._known[key]["made"]

    @property
    def remaining(self) -> int | None:
        """See `engine.Score`."""
        return self.budget.remaining

    def use_exact_scorer(self) -> None:
        """From now on only scores that count are given, whatever time it takes."""
        self.ranking = self._ranker = None
        self.budget.forget_time()

    @property
    def _judge(self) -> SplitScorer:
        return self._ranker or self.scorer

    def _affordable(self, new: Keyed, on: On) -> Keyed:
        """As many of the first prompts as the budget has room for."""
        fresh = [prompt not in self._counted for _, prompt in new]
        return new if on == "train" else new[: self.budget.within_budget(fresh)]

    def key(self, prompt: Prompt, on: On, rows: Rows) -> str:
        """What names a trial in the ledger."""
        return json.dumps([str(prompt.template), self._verbalizer(prompt), on, rows and [*rows]])

    def _verbalizer(self, prompt: Prompt) -> object:
        """Written out where it is not the task's own: facts have thousands of candidates."""
        return None if prompt.verbalizer == self.start.verbalizer else prompt.verbalizer.plain()

    def measured(
        self, requests: Keyed, on: On, rows: Rows, metric: str | None = None
    ) -> Iterator[tuple[str, Trial]]:
        """Trials by key as they come: what the ledger knows, then the rest chunk by chunk.

        `kept` is a metric whose values, example by example, go into the ledger too.
        """
        todo = []
        for key, prompt in requests:
            if key in self._known:
                yield key, self._keep(key, prompt, self._known[key], on, rows)
            else:
                todo.append((key, prompt))
        examples = self.scorer.count(on) if rows is None else len(rows)
        size = max(1, TEXTS_PER_CHUNK // examples)
        self._tell(todo, examples, on)  # the plan, before the work
        for first in range(0, len(todo), size):
            chunk = self._within_limits(todo[first : first + size], on, rows)
            yield from self._score_chunk(chunk, on, rows, metric)
            self._tell(todo[first + len(chunk) :], examples, on)
            if len(chunk) < len(todo[first : first + size]):
                raise BudgetSpent("max-forwards")

    def _within_limits(self, chunk: Keyed, on: On, rows: Rows) -> Keyed:
        """As many of the prompts as the limits on time and forwards allow."""
        self._check_time()
        prompts = [prompt for _, prompt in chunk]

        def cost(count: int) -> int:
            return self._judge.cost(prompts[:count], on, rows).forwards

        reserve = self._reserve(prompts[0], len(prompts))
        return chunk[: self.budget.affordable(len(prompts), reserve, cost)]

    def _check_time(self) -> None:
        if self.trials:  # the manual prompt is scored whatever time it takes
            self.budget.check_time()

    def _reserve(self, like: Prompt, more: int) -> int:
        """Forwards to score the finalists and the manual prompt again, where that will be done."""
        if self._ranker is None:
            return 0
        again = min(self.finalists + 1, self.budget.spent.prompts + more)
        return again * self.scorer.cost([like], "dev", None).forwards

    def _score_chunk(
        self, chunk: Keyed, on: On, rows: Rows, metric: str | None
    ) -> list[tuple[str, Trial]]:
        began = time.perf_counter()
        judged = self._judge.predict([prompt for _, prompt in chunk], on, rows)
        seconds = time.perf_counter() - began
        trials, entries = [], []
        for (key, prompt), judgement in zip(chunk, judged.predictions, strict=True):
            exact = self._ranker is None
            scored: dict[str, object] = {"scores": self.scorer.scores(judgement), "exact": exact}
            if metric is not None:
                scored["values"] = per_example(judgement, metric).tolist()
            trial = self._keep(key, prompt, scored, on, rows)
            entries.append({**entry(key, trial, self._verbalizer(prompt), rows), **scored})
            trials.append((key, trial))
        # The chunk's cost stands in its first row: it cannot be told apart by prompt.
        costs = [judged.cost.paid(seconds), *[Cost().paid(0)] * (len(entries) - 1)]
        self.ledger.append([{**e, **cost} for e, cost in zip(entries, costs, strict=True)])
        self.budget.pay(judged.cost.forwards, judged.cost.tokens, seconds)
        self._pace.note(sum(t.n for _, t in trials), seconds, judged.cost)
        return trials

    def _keep(self, key: str, prompt: Prompt, row: Row, on: On, rows: Rows) -> Trial:
        """The trial that a row of the ledger is; its prompt is counted once."""
        scores, values = cast(Scores, row["scores"]), row.get("values")
        if values is not None:
            self.values[key] = np.array(values)
        name = self._ids.setdefault(prompt, f"p{len(self._ids)}")
        if on == "dev" and prompt not in self._counted:
            self._counted.add(prompt)
            self.budget.pay_prompt()
        complete, exact = rows is None or on == "train", bool(row.get("exact", True))
        return Trial(name, prompt, scores, on, cast(int, scores["n"]), complete, exact)

    def _tell(self, todo: Keyed, examples: int, on: On) -> None:
        if self.on_progress is None or not self._pace.texts or not self.trials:
            return
        fresh = 0 if on == "train" else sum(p not in self._counted for _, p in todo)
        done, pending = self.budget.spent.prompts, PendingWork(len(todo), examples, on)
        best = ranked(self.trials.values(), self.objective)[0], next(iter(self.trials.values()))
        self.on_progress(self._pace.progress(*best, done, done + fresh, pending))
