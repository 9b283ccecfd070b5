"""Which steps of a plan cannot run on a task: said before anything is scored."""

from collections.abc import Sequence

from promptsearch.engine.strategy import Task
from promptsearch.errors import PromptSearchError, RunError
from promptsearch.searchers.answers.common.start import require_labels
from promptsearch.searchers.joint.plan import ANSWERS, PlanStep
from promptsearch.searchers.mine.request import wish_of
from promptsearch.searchers.mine.search import MiningSearch


def check_able(steps: Sequence[PlanStep], task: Task, where: str = "") -> None:
    """`RunError` names the first step that has nothing to work with."""
    for number, step in enumerate(steps, 1):
        try:
            _check(step, task)
        except PromptSearchError as error:
            raise RunError(f"{where}step {number} ({step.strategy}): {error}") from None


def _check(step: PlanStep, task: Task) -> None:
    if isinstance(step.searcher, MiningSearch):
        wish_of(task)  # a corpus of facts, or answers in texts
    elif step.strategy.startswith(ANSWERS):
        require_labels(task.name, task.kind, ())
