"""Scores prompts chunk by chunk: through the ledger, within the budget."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from promptsearch.engine.budget import Budget, ModelCall
from promptsearch.engine.ledger import Ledger, Row, check_trials, entry
from promptsearch.engine.progress import Limits, OnProgress, PendingWork, Throughput
from promptsearch.engine.trial import On, Trial, ranked
from promptsearch.errors import BudgetSpent
from promptsearch.metrics.outcomes import Outcomes
from promptsearch.metrics.predictions import Predictions, Scores
from promptsearch.prompt import Prompt
from promptsearch.scoring import Cost
from promptsearch.scoring.split_scorer import Rows, SplitScorer

FINALISTS = 20  # scored again where a faster scorer ranked, the manual prompt beside them
TEXTS_PER_CHUNK = 2048  # prompts x examples scored, and kept, at a time

Keyed = Sequence[tuple[str, Prompt]]


@dataclass
class TrialScorer:
    """Makes trials of prompts; what the ledger knows is not scored again.

    The trials belong to the caller. `trials` of a method are those so far: the first one, the
    manual prompt's, is scored whatever time it takes.
    """

    start: Prompt
    scorer: SplitScorer  # gives the scores that count
    objective: str
    ledger: Ledger
    budget: Budget
    finalists: int  # prompts that will be scored again if `fast` ranks
    on_progress: OnProgress | None = None
    fast: SplitScorer | None = None  # ranks instead of `scorer`
    members: int = 0  # of an ensemble, which are scored again beside the finalists
    _outcomes: dict[str, Outcomes] = field(default_factory=dict)  # by key, of all trials so far
    _known: dict[str, Row] = field(default_factory=dict)
    _ids: dict[Prompt, str] = field(default_factory=dict)
    _counted: set[Prompt] = field(default_factory=set)
    _throughput: Throughput = field(default_factory=Throughput)

    @classmethod
    def open(
        cls,
        start: Prompt,
        scorer: SplitScorer,
        objective: str,
        budget: Budget,
        ledger: Ledger,
        finalists: int = FINALISTS,
        on_progress: OnProgress | None = None,
        members: int = 0,
    ) -> "TrialScorer":
        """Return the scorer of a new or resumed search.

        Raises RunError if a row of the ledger cannot be gone on with.
        """
        check_trials(ledger)
        budget.resume(ledger.rows)
        known = {str(row["key"]): row for row in ledger.rows if _is_whole(row)}
        return cls(
            start,
            scorer,
            objective,
            ledger,
            budget,
            finalists,
            on_progress,
            members=members,
            _known=known,
        )

    def exactly(self) -> "TrialScorer":
        """Return the scorer whose scores count, whatever time it takes; it knows all trials."""
        return replace(
            self, fast=None, budget=self.budget.within(replace(self.budget.limits, seconds=None))
        )

    def within(self, limits: Limits) -> "TrialScorer":
        """Return the scorer with other limits; what was spent stays spent."""
        return replace(self, budget=self.budget.within(limits))

    def key(self, prompt: Prompt, on: On, rows: Rows) -> str:
        """Return the name of a trial in the ledger."""
        return json.dumps([str(prompt.template), self._verbalizer(prompt), on, rows and [*rows]])

    def affordable(self, requests: Keyed, on: On) -> Keyed:
        """Return as many of the first requests as the budget has room for."""
        fresh = [prompt not in self._counted for _, prompt in requests]
        return requests if on == "train" else requests[: self.budget.within_budget(fresh)]

    def once(
        self, name: str, prepare: Callable[[], ModelCall], trials: Mapping[str, Trial]
    ) -> object:
        """Return the value of a model call, made once and kept in the ledger."""
        key = f"work {name}"
        if key not in self._known:
            self._check_time(trials)
            call, began = prepare(), time.perf_counter()
            self.budget.affordable(1, self._reserve(self.start, 0), lambda _: call.cost.forwards)
            value = call.run()
            seconds, cost = time.perf_counter() - began, call.actual_cost
            self.ledger.append([{"key": key, "made": value, **cost.paid(seconds)}])
            self.budget.pay(cost.forwards, cost.tokens, seconds)
            self._known[key] = {"made": value}
        return self._known[key]["made"]

    def measure(
        self,
        requests: Keyed,
        on: On,
        rows: Rows,
        trials: Mapping[str, Trial],
    ) -> Iterator[tuple[str, Trial]]:
        """Yield trials by key as they come: what the ledger knows, then the rest chunk by chunk."""
        todo = []
        for key, prompt in requests:
            if key in self._known:
                yield key, self._trial(key, prompt, self._known[key], on, rows)
            else:
                todo.append((key, prompt))
        examples = self.scorer.count(on) if rows is None else len(rows)
        size = max(1, TEXTS_PER_CHUNK // examples)
        if todo:
            self._report(todo, PendingWork(len(todo), examples, on), trials)  # before the work
        for first in range(0, len(todo), size):
            chunk = self._within_limits(todo[first : first + size], on, rows, trials)
            yield from self._score_chunk(chunk, on, rows)
            rest = todo[first + len(chunk) :]
            self._report(rest, PendingWork(len(rest), examples, on), trials)
            if len(chunk) < len(todo[first : first + size]):
                raise BudgetSpent("max-forwards")

    def predictions(self, key: str, prompt: Prompt, on: On, rows: Rows = None) -> Predictions:
        """Return what a trial's prompt predicted; asked only of trials that there are."""
        return self.scorer.recalled(prompt, on, rows, self._outcomes[key])

    @property
    def _ranker(self) -> SplitScorer:
        return self.fast or self.scorer

    def _verbalizer(self, prompt: Prompt) -> object:
        """Written out where it is not the task's own: facts have thousands of candidates."""
        if prompt.verbalizer == self.start.verbalizer:
            return None
        no = prompt.verbalizer.no
        return prompt.plain_answers if no is None else [prompt.plain_answers, no]

    def _within_limits(
        self, chunk: Keyed, on: On, rows: Rows, trials: Mapping[str, Trial]
    ) -> Keyed:
        """Return as many of the prompts as the limits on time and forwards allow."""
        self._check_time(trials)
        prompts = [prompt for _, prompt in chunk]

        def cost(count: int) -> int:
            return self._ranker.cost(prompts[:count], on, rows).forwards

        reserve = self._reserve(prompts[0], len(prompts))
        return chunk[: self.budget.affordable(len(prompts), reserve, cost)]

    def _check_time(self, trials: Mapping[str, Trial]) -> None:
        if trials:
            self.budget.check_time()

    def _reserve(self, like: Prompt, more: int) -> int:
        """Return the forwards that scoring the manual prompt and the finalists again will take."""
        if self.fast is None:
            return 0
        again = min(self.finalists + self.members + 1, self.budget.spent.prompts + more)
        return again * self.scorer.cost([like], "dev", None).forwards

    def _score_chunk(self, chunk: Keyed, on: On, rows: Rows) -> list[tuple[str, Trial]]:
        """Score the prompts of a chunk and append it to the ledger in one write."""
        began = time.perf_counter()
        batch = self._ranker.predict([prompt for _, prompt in chunk], on, rows)
        seconds = time.perf_counter() - began
        trials, entries = [], []
        for (key, prompt), predictions in zip(chunk, batch.predictions, strict=True):
            exact, scores = self.fast is None, self.scorer.scores(predictions)
            outcomes = self.scorer.outcomes(predictions)
            scored = {"scores": scores, "exact": exact, "outcomes": outcomes}
            trial = self._trial(key, prompt, scored, on, rows)
            entries.append({**entry(key, trial, self._verbalizer(prompt), rows), **scored})
            trials.append((key, trial))
        # The chunk's cost stands in its first row: it cannot be told apart by prompt.
        costs = [batch.cost.paid(seconds), *[Cost().paid(0)] * (len(entries) - 1)]
        self.ledger.append([{**e, **cost} for e, cost in zip(entries, costs, strict=True)])
        self.budget.pay(batch.cost.forwards, batch.cost.tokens, seconds)
        self._throughput.note(sum(t.n for _, t in trials), seconds, batch.cost)
        return trials

    def _trial(self, key: str, prompt: Prompt, row: Row, on: On, rows: Rows) -> Trial:
        """Return the trial of a ledger's row; its prompt is counted once."""
        scores = cast(Scores, row["scores"])
        if on == "dev":
            self._outcomes[key] = cast(Outcomes, row["outcomes"])
        name = self._ids.setdefault(prompt, f"p{len(self._ids)}")
        if on == "dev" and prompt not in self._counted:
            self._counted.add(prompt)
            self.budget.pay_prompt()
        complete, exact = rows is None or on == "train", bool(row.get("exact", True))
        return Trial(name, prompt, scores, on, cast(int, scores["n"]), complete, exact)

    def _report(self, todo: Keyed, pending: PendingWork, trials: Mapping[str, Trial]) -> None:
        """Report the progress to whoever listens."""
        if self.on_progress is None or not self._throughput.texts or not trials:
            return
        fresh = 0 if pending.on == "train" else sum(p not in self._counted for _, p in todo)
        done = self.budget.spent.prompts
        best = ranked(trials.values(), self.objective)[0], next(iter(trials.values()))
        self.on_progress(self._throughput.progress(*best, done, done + fresh, pending))


def _is_whole(row: Row) -> bool:
    """Return False for a trial of an earlier version, without outcomes: it is scored again."""
    return "outcomes" in row or str(row["key"]).startswith("work ")
