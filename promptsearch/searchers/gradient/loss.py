"""The loss of triggers on training examples, and its gradient for their tokens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from promptsearch.data import Example
from promptsearch.engine import ModelCall
from promptsearch.engine.strategy import Task
from promptsearch.models import LanguageModel, ScoringRequest
from promptsearch.prompt import Answer
from promptsearch.scoring import Cost
from promptsearch.searchers.common.example_loss import ExampleLoss, LossName
from promptsearch.searchers.common.trigger_template import Tokens, TriggerTemplate

if TYPE_CHECKING:
    from torch import Tensor

Rows = Sequence[int]  # training examples


@dataclass(frozen=True)
class TriggerLoss:
    """Mean over examples of -log p of the right answer, with a trigger in the template.

    `gold` is AutoPrompt's: not normalised over the labels, several right answers add up. `label`
    is -log p(right label | input), the objective of the searches here. With `accuracy`, triggers
    are compared by it, as AutoPrompt compares them for labelled tasks; gradients are of the loss.
    """

    task: Task
    model: LanguageModel
    trigger_template: TriggerTemplate
    examples: Sequence[Example]
    name: LossName = "label"
    accuracy: bool = False

    def values(self, triggers: Sequence[Tokens], rows: Rows) -> ModelCall:
        """Return the call that gives a number for each trigger on the rows; higher is better."""
        import torch

        texts = _TriggerTexts(self, triggers, rows)
        model = self.model.fast_model
        plan = model.plan_all(texts.requests, self.task.scoring)

        def run() -> list[float]:
            values = torch.zeros(len(triggers) * len(rows))
            for block in model.run(plan):
                values[list(block.rows)] = texts.values(block.rows, block.log_probs, self.accuracy)
            return texts.means(values.numpy().astype(np.float64))

        return ModelCall(Cost.of(plan), run)

    def token_gradients(self, trigger: Tokens, rows: Rows) -> tuple[Cost, Callable[[], "Tensor"]]:
        """Return the cost of a pass, and the function that does it.

        It gives (position, token) slopes: to first order, the change of the loss if the token
        stood there.
        """
        texts = _TriggerTexts(self, [trigger], rows)
        white_box = self.model.white_box
        plan = white_box.plan(texts.requests, self.task.scoring)

        def run() -> "Tensor":
            slopes = white_box.token_gradients(
                plan, lambda text_rows, log_probs: -texts.values(text_rows, log_probs)
            )
            return slopes.tokens / len(rows)

        return Cost.of(plan), run

    @cached_property
    def of_examples(self) -> ExampleLoss:
        """The loss of examples, whatever the trigger."""
        return ExampleLoss(self.task, self.model, self.examples, self.name)

    def answers_of(self, example: Example) -> tuple[Answer, ...]:
        """Return the answers that are scored for an example."""
        return self.of_examples.answers_of(example)


class _TriggerTexts:
    """Scoring requests for the texts of triggers x rows, and the values of their log p."""

    def __init__(self, loss: TriggerLoss, triggers: Sequence[Tokens], rows: Rows) -> None:
        self._loss = loss
        groups = loss.of_examples.by_answers(rows)
        self._pairs = [
            (number, row)
            for group in groups.values()
            for row in group
            for number in range(len(triggers))
        ]
        fill, examples = loss.trigger_template.fill, loss.examples
        self.requests = [
            ScoringRequest([fill(examples[r].inputs, t) for r in group for t in triggers], answers)
            for answers, group in groups.items()
        ]

    def values(self, rows: Sequence[int], log_probs: "Tensor", accuracy: bool = False) -> "Tensor":
        """Return (row,): `ExampleLoss.log_right` of these texts."""
        examples = [self._pairs[row][1] for row in rows]
        return self._loss.of_examples.log_right(examples, log_probs, accuracy)

    def means(self, values: "np.ndarray") -> list[float]:
        """Return the mean of each trigger over its rows."""
        owners = np.array([number for number, _ in self._pairs])
        return [float(mean) for mean in np.bincount(owners, values) / np.bincount(owners)]
