"""Several strategies under one budget: in a chain, alternately, or jointly over prompts.

Templates and answers depend on each other: the best answers for one template need not be the best
for another (Gao et al. 2021, LM-BFF, search each with the other fixed). Here a plan's steps run one
after another, each from the best prompts so far, whoever found them: a strategy for templates keeps
the answers of the prompt that it starts from, one for answers keeps the template. Where the plan
has several rounds they take turns; `cross` tries the best of both together.

Ours is the course: budgets of steps, near-duplicates of different strategies scored once, and the
true parents of every prompt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated

import numpy as np

from promptsearch.engine import Score, Searcher, Task, Trial
from promptsearch.errors import BudgetSpent, PromptSearchError, RunError
from promptsearch.metrics import Scores
from promptsearch.searchers.joining.able import check_able
from promptsearch.searchers.joining.cross import Cross
from promptsearch.searchers.joining.default import default_plan
from promptsearch.searchers.joining.history import History
from promptsearch.searchers.joining.plan import Ensemble, Step, share, whole
from promptsearch.searchers.joining.step_score import StepScore, StepSpent

FOLDER = "steps"  # of a run: a directory for each step and start
USUAL = 200  # prompts that a default plan is made for where nothing limits them


@dataclass(frozen=True)
class JointSearch:
    """Run the steps of a plan, each from the best prompts so far."""

    steps: Annotated[
        tuple[Mapping[str, object], ...],
        "What is done, in order: `strategy`, `from`, `budget`, and the strategy's fields.  "
        "[a plan that suits the task and the budget]",
    ] = ()
    rounds: Annotated[int, "The steps are gone through so many times."] = 1
    skip: Annotated[bool, "A step that cannot run here is left out, and that is said."] = False
    ensemble: Annotated[
        Mapping[str, object] | None, "What becomes of the best prompts: `rule` and `top`."
    ] = None

    def __post_init__(self) -> None:
        whole(self.rounds, "rounds", "the plan")
        assert self.plan is not None
        if self.ensemble is not None:
            Ensemble.of(self.ensemble, "ensemble")

    @cached_property
    def plan(self) -> tuple[Step, ...]:
        """The steps, checked; `RunError` says what is wrong with one."""
        return tuple(Step.of(given, f"step {n}") for n, given in enumerate(self.steps, 1))

    def search(self, task: Task, score: Score) -> None:
        """Step after step, until the plan or the budget ends."""
        if not self.steps:
            default_plan(task.kind, bool(task.corpus), score.left or USUAL).search(task, score)
            return
        if not self.skip:
            check_able(self.plan, task)
        (manual,) = score([task.prompt])
        course = Course(task, score, History(manual, task.objective))
        steps = [*self.plan] * self.rounds
        for number, step in enumerate(steps, 1):
            self._run(course, f"{number} {step.strategy}", step, share(steps[number - 1 :], score.left))

    def _run(self, course: "Course", name: str, step: Step, budget: int | None) -> None:
        """One step; what it failed by is told, or ends the search with all that was scored."""
        if budget == 0:
            course.task.log(f"step {name} left out: no budget is left for it")
            return
        try:
            course.run(name, step, budget)
        except PromptSearchError as error:
            if not self.skip:
                raise BudgetSpent(f"step {name}: {error}") from error
            course.task.log(f"step {name} left out: {error}")
