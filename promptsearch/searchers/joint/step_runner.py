"""Runs the steps of a joint search: their starts, their seeds, their folders."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from promptsearch.engine.expectation import MANUAL, step_of
from promptsearch.engine.strategy import Score, Task
from promptsearch.engine.trial import Trial
from promptsearch.searchers.joint.cross import Cross
from promptsearch.searchers.joint.history import History
from promptsearch.searchers.joint.plan import PlanStep
from promptsearch.searchers.joint.step_score import StepBudgetSpent, StepScore

FOLDER = "steps"  # in a run's directory: one for each step and start


def unlike(best_first: Sequence[Trial], count: int) -> list[Trial]:
    """Return so many trials: the best of each step in their order, then the next best."""
    of_steps: dict[object, Trial] = {}
    for trial in best_first:
        of_steps.setdefault(step_of(trial.prompt), trial)
    first = [trial for step, trial in of_steps.items() if step != MANUAL]
    return [*first, *(trial for trial in best_first if trial not in first)][:count]


@dataclass
class StepRunner:
    """Runs steps on one task, with one score and one history."""

    task: Task
    score: Score
    history: History

    def run(self, number: int, step: PlanStep, budget: int | None) -> None:
        """Run the step from each of its starts; the budget that one leaves goes to the next."""
        best = [self.history.manual] if isinstance(step.searcher, Cross) else self.history.best
        starts = unlike(best, step.starts)
        for index, start in enumerate(starts):
            share_of_start = None if budget is None else -(-budget // (len(starts) - index))
            spent = self._run_from(start, number, step, share_of_start)
            budget = None if budget is None else budget - spent

    def _run_from(self, start: Trial, number: int, step: PlanStep, budget: int | None) -> int:
        """Run the step from one start; return the number of prompts it spent."""
        name = f"{number} {step.strategy}"
        score = StepScore(self.score, self.history, start, name, budget)
        try:
            if isinstance(step.searcher, Cross):
                score(step.searcher.prompts(self.history.best))
            else:
                step.searcher.search(self._task(start, number, step), score)
        except StepBudgetSpent:
            pass
        return score.spent

    def _task(self, start: Trial, number: int, step: PlanStep) -> Task:
        """Return the task with the start for its prompt; seeds differ from step to step."""
        (seed,) = np.random.SeedSequence([self.task.seed, number]).generate_state(1).tolist()
        return replace(
            self.task, prompt=start.prompt, seed=seed, workspace=self._folder(start, number, step)
        )

    def _folder(self, start: Trial, number: int, step: PlanStep) -> Path | None:
        if self.task.workspace is None:
            return None
        return self.task.workspace / FOLDER / f"{number}-{step.strategy}" / start.id
