"""What vectors are trained on: texts of examples in a template, and -log p of the right answer."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from promptsearch.data import Example
from promptsearch.engine.strategy import Task
from promptsearch.errors import RunError
from promptsearch.models import LanguageModel, ScoringRequest
from promptsearch.prompt import Template
from promptsearch.searchers.common.example_loss import ExampleLoss, LossName, answerable

if TYPE_CHECKING:
    from promptsearch.models.gradients.backward import Loss
    from promptsearch.models.training.continuous_trainer import PromptObjective

CAUSAL_ANSWERS = 1000  # more are a continuation each
LossChoice = Literal["label", "vocabulary"]


def examples_of(
    task: Task, model: LanguageModel, choice: LossChoice
) -> tuple[LossName, Sequence[Example]]:
    """Return the loss of a choice, and the examples that are learned from.

    Raises RunError if the answers are too many for the loss and the model.
    """
    loss: LossName = "gold" if choice == "vocabulary" else "label"
    examples, count = answerable(task, loss), len(task.prompt.verbalizer.answers)
    if loss == "label" and model.info.family != "masked" and count > CAUSAL_ANSWERS:
        raise RunError(
            f"each of {count:,} answers is a continuation of its own to {model.info.spec!r}; give "
            "`loss` vocabulary, which reads the right one alone"
        )
    return loss, examples


def prompt_objective(
    task: Task,
    model: LanguageModel,
    template: Template,
    examples: Sequence[Example],
    name: LossName,
) -> "PromptObjective":
    """Return the objective: texts of examples in the template, and -log p of the right answer."""
    from promptsearch.models.training.continuous_trainer import PromptObjective

    loss = ExampleLoss(task, model, examples, name)

    def requests(rows: Sequence[int]) -> "tuple[list[ScoringRequest], Loss]":
        texts, order = requests_of(loss, template, rows)
        return (
            texts,
            lambda numbers, log_probs: (
                -loss.log_right([order[number] for number in numbers], log_probs)
            ),
        )

    return PromptObjective(len(examples), requests, task.scoring)


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
