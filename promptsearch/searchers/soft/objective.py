"""What vectors are trained on: texts of examples in a template, and -log p of the right answer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from promptsearch.data import Example
from promptsearch.engine.strategy import Task
from promptsearch.models import LanguageModel, ScoringRequest
from promptsearch.prompt import Template
from promptsearch.searchers.common.example_loss import ExampleLoss, LossName

if TYPE_CHECKING:
    from promptsearch.models.gradients.backward import Loss
    from promptsearch.models.training.soft_trainer import SoftObjective


def soft_objective(
    task: Task,
    model: LanguageModel,
    template: Template,
    examples: Sequence[Example],
    name: LossName,
) -> "SoftObjective":
    """Return the objective: texts of examples in the template, and -log p of the right answer."""
    from promptsearch.models.training.soft_trainer import SoftObjective

    loss = ExampleLoss(task, model, examples, name)

    def requests(rows: Sequence[int]) -> "tuple[list[ScoringRequest], Loss]":
        texts, order = requests_of(loss, template, rows)
        return (
            texts,
            lambda numbers, log_probs: (
                -loss.log_right([order[number] for number in numbers], log_probs)
            ),
        )

    return SoftObjective(len(examples), requests, task.scoring)


def requests_of(
    loss: ExampleLoss, template: Template, rows: Sequence[int]
) -> tuple[list[ScoringRequest], list[int]]:
    """Return the texts of these examples in a template, and the example of each text."""
    groups = loss.by_answers(rows)
    requests = [
        ScoringRequest([template.fill(loss.examples[row].inputs) for row in group], answers)
        for answers, group in groups.items()
    ]
    return requests, [row for group in groups.values() for row in group]
