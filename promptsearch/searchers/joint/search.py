"""Several strategies under one budget: in a chain, alternately, or jointly over prompts.

Templates and answers depend on each other: words that are best with one template need not be with
another (Gao et al. 2021, LM-BFF, search each with the other fixed). Here the steps of a plan run
one after another, each from the best prompts so far, whoever found them: a strategy for templates
keeps the answers of the prompt that it starts from, one for answers keeps the template. With
several rounds they take turns; `cross` tries the best of both together.

Ours are the budgets of steps, that prompts of different strategies that a model reads alike are
scored once, and the true parents of every prompt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

from promptsearch.data import TaskKind
from promptsearch.engine.expectation import members_of
from promptsearch.engine.folds import FOLDS
from promptsearch.engine.search import SearchDesign
from promptsearch.engine.strategy import Score, Task
from promptsearch.engine.trial import Trial
from promptsearch.errors import BudgetSpent, PromptSearchError, RunError
from promptsearch.metrics import title_of
from promptsearch.prompt import Prompt
from promptsearch.searchers.joint.default_plan import ENSEMBLE, default_steps
from promptsearch.searchers.joint.feasibility import check_feasible
from promptsearch.searchers.joint.history import History, key_of
from promptsearch.searchers.joint.plan import PlanStep, ensemble_rule, share, whole
from promptsearch.searchers.joint.step_runner import StepRunner

USUAL = 200  # prompts of a default plan if no budget is set


@dataclass(frozen=True)
class JointSearch:
    """Run the steps of a plan, each from the best prompts so far."""

    steps: Annotated[
        tuple[Mapping[str, object], ...],
        "What is done: `strategy`, `from`, `budget`, `least_gain`, and the strategy's own fields.  "
        "[what suits the task and the budget]",
    ] = ()
    rounds: Annotated[int, "The steps are gone through so many times."] = 1
    skip: Annotated[bool, "A step that cannot run here is left out, which is said."] = False
    ensemble: Annotated[
        Mapping[str, object] | None, "What becomes of the best prompts: `rule` and `top`."
    ] = None
    folds: Annotated[
        int, "Run once for each of so many folds of dev, which that run does not see; 1: once."
    ] = FOLDS
    budget: Annotated[
        int | None, "Prompts that steps share, the manual one included.  [the search's own budget]"
    ] = None

    def __post_init__(self) -> None:
        whole(self.rounds, "rounds", "plan")
        if not isinstance(self.skip, bool):
            raise RunError(f"plan: skip: it must be true or false, not {self.skip!r}")
        whole(self.folds, "folds", "plan")
        for number, table in enumerate(self.steps, 1):
            PlanStep.of(table, f"step {number}")
        if self.ensemble is not None:
            ensemble_rule(self.ensemble, "ensemble")

    @classmethod
    def by_default(cls, kind: TaskKind, corpus: bool, remaining: int | None) -> "JointSearch":
        """Return the plan for a kind of task, with or without a corpus, for so many prompts."""
        remaining = USUAL if remaining is None else remaining
        ensemble = ENSEMBLE if kind.single_label or kind.has_candidates else None
        return cls(default_steps(kind, corpus, remaining), skip=True, ensemble=ensemble)

    @property
    def design(self) -> SearchDesign:
        """How often the plan runs, and what becomes of its best prompts."""
        rule = None if self.ensemble is None else ensemble_rule(self.ensemble, "ensemble")
        return SearchDesign(self.folds, ensemble=rule, budget=self.budget)

    @cached_property
    def all_steps(self) -> tuple[PlanStep, ...]:
        """The steps of all rounds, one round after the other."""
        once = (PlanStep.of(table, f"step {n}") for n, table in enumerate(self.steps, 1))
        return tuple(once) * self.rounds

    def search(self, task: Task, score: Score) -> None:
        """Run step after step, until the plan or the budget ends."""
        if not self.steps:
            self.by_default(task.kind, bool(task.corpus), score.remaining).search(task, score)
            return
        if not self.skip:
            check_feasible(self.all_steps, task)
        (manual,) = score([task.prompt])
        runner = StepRunner(task, score, History(manual, task.objective, key=key_of(task)))
        for number, step in enumerate(self.all_steps, 1):
            before = runner.history.best
            budget = share(self.all_steps[number - 1 :], self._remaining(runner))
            self._run(runner, number, step, budget)
            if number < len(self.all_steps) and self._is_last(runner, number, step, before):
                return

    def _remaining(self, runner: StepRunner) -> int | None:
        """Return the number of prompts that remain to share."""
        if self.budget is None or self.folds > 1:  # where folds share it, each run has its own
            return runner.score.remaining
        return max(0, self.budget - len(runner.history.trials))

    def _is_last(
        self, runner: StepRunner, number: int, step: PlanStep, before: Sequence[Trial]
    ) -> bool:
        """Return whether the step gained so little that those after it are left out, and say so."""
        after = runner.history.best
        if step.least_gain is None or len(after) == len(before):
            return False  # it had no prompts of its own
        gain = runner.score.gain(self._winners(after), self._winners(before))
        if not gain.within(step.least_gain):
            return False
        metric, noise = title_of(runner.task.objective), f"{step.least_gain:g} standard errors"
        runner.task.log(
            f"step {number} {step.strategy}: it gained {gain.mean:+.3f} {metric} on dev, no more "
            f"than {noise} ({gain.error:.3f} each); the steps after it are left out"
        )
        return True

    def _winners(self, best_first: Sequence[Trial]) -> list[Prompt]:
        """Return the prompts that the plan would end in."""
        rule = self.design.ensemble
        members = members_of(best_first, rule.top, rule.per_step) if rule else best_first[:1]
        return [trial.prompt for trial in members]

    def _run(self, runner: StepRunner, number: int, step: PlanStep, budget: int | None) -> None:
        """Run one step. Its failure is logged; without `skip` it ends the search."""
        name, history = f"step {number} {step.strategy}", runner.history
        if runner.score.remaining == 0:
            raise BudgetSpent("budget")
        if budget == 0:
            runner.task.log(f"{name}: left out, for the others' budgets leave nothing")
            return
        tried_before, alike_before = len(history.trials), history.duplicates
        try:
            runner.run(number, step, budget)
        except PromptSearchError as error:
            if not self.skip:
                raise BudgetSpent(f"{name}: {error}") from error
            outcome = "ended early" if len(history.trials) > tried_before else "left out"
            runner.task.log(f"{name}: {outcome}: {error}")
        prompts, alike = len(history.trials) - tried_before, history.duplicates - alike_before
        remark = f", {alike} that read like earlier ones" if alike else ""
        runner.task.log(f"{name}: {prompts} prompts{remark}; best {history.leader}")
