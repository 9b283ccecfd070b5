"""The training examples that templates are written from, with their right answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptsearch.data import Example
from promptsearch.engine.strategy import Task
from promptsearch.errors import TaskError
from promptsearch.prompt import Filled
from promptsearch.searchers.common.gap_template import Contents, GapTemplate


@dataclass(frozen=True)
class TrainingContext:
    """An example's inputs, and its right answer."""

    inputs: dict[str, str]
    answer: dict[str, str]  # slot -> text

    def __repr__(self) -> str:
        """Return the text that ledger keys digest: its words are those of the first version."""
        return f"Instance(inputs={self.inputs!r}, answer={self.answer!r})"

    def fill(self, gap_template: GapTemplate, contents: Contents, answered: bool = True) -> Filled:
        """Return the text as a model reads it, with the right answer in it or with its slots."""
        return gap_template.fill(contents, self.inputs, self.answer if answered else {})


def training_contexts(task: Task, count: int) -> list[TrainingContext]:
    """Return as many training examples, drawn by the task's seed from all labels alike; in order.

    An example's answer is the first of its labels', with `no` in the slots of the others if
    there is one, or a fact's first object. Raises TaskError if no training example has one.
    """
    usable = [example for example in task.train if _answer(example, task)]
    if not usable:
        raise TaskError(f"{task.name}: no training example has an answer to write a template by")
    drawn = _balanced(usable, min(count, len(usable)), task)
    return [TrainingContext(dict(e.inputs), _answer(e, task) or {}) for e in drawn]


def _answer(example: Example, task: Task) -> dict[str, str] | None:
    slots = task.prompt.template.slots
    if task.kind.targets_fill_slot:
        return {slots[0]: example.targets[0]}
    if task.kind.values:  # the nearer end
        ends = task.prompt.verbalizer.labels
        return task.prompt.verbalizer.filling([ends[float(example.targets[0]) >= 0.5]])
    answer = task.prompt.verbalizer.filling(example.targets)
    return answer if set(answer) == set(slots) else None


def _balanced(examples: Sequence[Example], count: int, task: Task) -> list[Example]:
    """Draw from the labels in turn, so that few examples show all of them (facts: no turns)."""
    order = np.random.default_rng([task.seed, 5]).permutation(len(examples)).tolist()
    turns: dict[str, int] = {}
    keyed = []
    for row in order:
        label = examples[row].stratum if task.kind.has_labels else ""
        turns[label] = turns.get(label, 0) + 1
        keyed.append((turns[label], row))
    chosen = sorted(keyed, key=lambda pair: pair[0])[:count]
    return [examples[row] for row in sorted(row for _, row in chosen)]
