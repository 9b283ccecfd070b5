"""What a tagger is trained on: -log p of the right tag of each word."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from promptsearch.data import Example
from promptsearch.engine.strategy import Task
from promptsearch.models import ScoringRequest
from promptsearch.prompt import Template

if TYPE_CHECKING:
    from torch import Tensor

    from promptsearch.models.gradients.backward import Loss
    from promptsearch.models.training.continuous_trainer import PromptObjective


def tags_objective(
    task: Task, template: Template, examples: Sequence[Example]
) -> "PromptObjective":
    """Return the objective of a template whose head reads words.

    A sentence's loss is the sum over its words, over the mean length of all: long ones count more,
    as in a mean over words.
    """
    from promptsearch.models.training.continuous_trainer import PromptObjective

    answers = task.prompt.verbalizer.answers
    index = {label: number for number, label in enumerate(task.prompt.verbalizer.labels)}
    columns = [
        [word * len(index) + index[tag] for word, tag in enumerate(example.tags)]
        for example in examples
    ]
    mean = sum(map(len, columns)) / len(columns)

    def requests(rows: Sequence[int]) -> "tuple[list[ScoringRequest], Loss]":
        texts = [template.fill(examples[row].inputs) for row in rows]

        def loss(numbers: Sequence[int], log_probs: "Tensor") -> "Tensor":
            import torch

            right = [columns[rows[number]] for number in numbers]
            sums = [
                values[[column for column in of_row if column < len(values)]].sum()
                for values, of_row in zip(log_probs, right, strict=True)
            ]
            return -torch.stack(sums) / mean

        return [ScoringRequest(texts, answers)], loss

    return PromptObjective(len(examples), requests, task.scoring)
