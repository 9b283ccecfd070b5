"""The steps of a joint search: from which prompts, with which seeds, in which folders."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from promptsearch.engine.strategy import Score, Task
from promptsearch.engine.trial import Trial
from promptsearch.searchers.joint.cross import Cross
from promptsearch.searchers.joint.history import History
from promptsearch.searchers.joint.plan import PlanStep
from promptsearch.searchers.joint.step_score import StepScore, StepBudgetSpent

FOLDER = "steps"  # in a run's directory: one for each step and start


@dataclass
class StepRunner:
    """What all steps share."""

    task: Task
    score: Score
    history: History

    def run(self, number: int, step: PlanStep, budget: int | None) -> None:
        """The step from each of its starts; what one leaves of the budget goes to the others."""
        best = [self.history.manual] if isinstance(step.searcher, Cross) else self.history.best
        starts = best[: step.starts]
        for index, start in enumerate(starts):
            share_of_start = None if budget is None else -(-budget // (len(starts) - index))
            spent = self._run_from(start, number, step, share_of_start)
            budget = None if budget is None else budget - spent

    def _run_from(self, start: Trial, number: int, step: PlanStep, budget: int | None) -> int:
        """How many prompts it took."""
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
        """The task that begins with another prompt; seeds differ from step to step."""
        (seed,) = np.random.SeedSequence([self.task.seed, number]).generate_state(1).tolist()
        return replace(
            self.task, prompt=start.prompt, seed=seed, workspace=self._folder(start, number, step)
        )

    def _folder(self, start: Trial, number: int, step: PlanStep) -> Path | None:
        if self.task.workspace is None:
            return None
        return self.task.workspace / FOLDER / f"{number}-{step.strategy}" / start.id
