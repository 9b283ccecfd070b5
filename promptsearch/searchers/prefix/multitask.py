"""Several tasks that one prefix is learned on, each with answers or a head of its own.

Liu et al. (2022), "P-Tuning v2", section 3.3: a prefix that was learned on several tasks together
is a better start for each of them. Its release has no code for it. Ours: a step's examples are of
one task, drawn in proportion to the square root of its training examples.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from itertools import accumulate
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

from promptsearch.data import KINDS, Example
from promptsearch.data.examples import fingerprint
from promptsearch.data.tasks.load import load_task
from promptsearch.engine.strategy import Task
from promptsearch.errors import TaskError

if TYPE_CHECKING:
    from promptsearch.models import ScoringRequest
    from promptsearch.models.gradients.backward import Loss
    from promptsearch.models.training.continuous_trainer import PromptObjective


def tasks_beside(task: Task, names: Sequence[str]) -> list[Task]:
    """Return the tasks of these files or names: their prompts and training examples.

    Raises TaskError for a task that waits for the words of a model's vocabulary.
    """
    beside = []
    for name in names:
        definition = load_task(Path(name) if Path(name).suffix else name, KINDS)
        if definition.needs_vocabulary:
            raise TaskError(f"{name}: its candidates are a model's words; give labels or objects")
        if definition.kind != task.kind:
            raise TaskError(
                f"{name} is of {definition.kind}, and {task.name!r} of {task.kind}: a prefix is "
                "learned on tasks of one kind together"
            )
        beside.append(
            replace(
                task,
                name=definition.name,
                kind=definition.kind,
                prompt=definition.prompt,
                train=definition.kind.training_rows(definition.train.examples),
                inputs=definition.inputs,
                labels=definition.labels,
            )
        )
    return beside


def fingerprint_of(examples: Sequence[Sequence[Example]]) -> str:
    """Return a digest of the training examples of tasks."""
    return sha256("".join(map(fingerprint, examples)).encode()).hexdigest()


@dataclass(frozen=True)
class TaskMixture:
    """The objectives of several tasks as one; an example counts through all of them."""

    objectives: Sequence["PromptObjective"]

    @property
    def count(self) -> int:
        """The examples of all tasks."""
        return sum(objective.count for objective in self.objectives)

    def draw(self, step: int, batch: int, seed: int) -> list[int]:
        """Return the examples of a step, all of one task."""
        rng = random.Random(f"{seed} {step}")
        weights = [sqrt(objective.count) for objective in self.objectives]
        (number,) = rng.choices(range(len(self.objectives)), weights)
        count = self.objectives[number].count
        rows = rng.sample(range(count), min(batch, count))
        return [self._starts[number] + row for row in rows]

    def requests(self, rows: Sequence[int]) -> "tuple[Sequence[ScoringRequest], Loss]":
        """Return the texts of examples of one task, and their loss."""
        number = max(n for n, start in enumerate(self._starts) if start <= rows[0])
        return self.objectives[number].requests([row - self._starts[number] for row in rows])

    @cached_property
    def _starts(self) -> list[int]:
        """The number of each task's first example."""
        counts = (objective.count for objective in self.objectives)
        return [0, *accumulate(counts)][:-1]


def together(objectives: Sequence["PromptObjective"]) -> "PromptObjective":
    """Return the objectives of tasks as one."""
    if len(objectives) == 1:
        return objectives[0]
    from promptsearch.models.training.continuous_trainer import PromptObjective

    mixture, scoring = TaskMixture(objectives), objectives[0].scoring
    return PromptObjective(mixture.count, mixture.requests, scoring, mixture.draw)
