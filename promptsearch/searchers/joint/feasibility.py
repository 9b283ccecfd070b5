"""A check that the steps of a plan can run on a task, before anything is scored."""

from collections.abc import Sequence

from promptsearch.engine.strategy import Task
from promptsearch.errors import PromptSearchError, RunError
from promptsearch.searchers.answers.common.start import require_labels
from promptsearch.searchers.joint.plan import ANSWERS, PlanStep
from promptsearch.searchers.mine.request import mining_request
from promptsearch.searchers.mine.search import MiningSearch


def check_feasible(steps: Sequence[PlanStep], task: Task, location: str = "") -> None:
    """Raise RunError if a step has nothing to work with; it names the first one."""
    for number, step in enumerate(steps, 1):
        try:
            _check(step, task)
        except PromptSearchError as error:
            raise RunError(f"{location}step {number} ({step.strategy}): {error}") from None


def _check(step: PlanStep, task: Task) -> None:
    if isinstance(step.searcher, MiningSearch):
        mining_request(task)  # a corpus of facts, or answers in texts
    elif step.strategy.startswith(ANSWERS):
        require_labels(task.name, task.kind, ())
