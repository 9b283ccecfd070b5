"""The loss of triggers on training examples, and its gradient for their tokens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from promptsearch.data import Example
from promptsearch.engine import ModelCall
from promptsearch.engine.strategy import Task
from promptsearch.errors import TaskError
from promptsearch.models import LanguageModel, ScoringRequest
from promptsearch.prompt import Answer
from promptsearch.scoring import Cost
from promptsearch.scoring.label_aggregation import LabelAggregation
from promptsearch.searchers.common.trigger_template import Tokens, TriggerTemplate

if TYPE_CHECKING:
    from torch import Tensor

LossName = Literal["label", "gold"]
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
    def aggregation(self) -> LabelAggregation:
        """The sums of answers that make the scores of labels."""
        task, facts = self.task, self.task.kind == "facts"
        return LabelAggregation.of(task.prompt.verbalizer, self.model, task.answer_score, facts)

    @property
    def by_object(self) -> bool:
        """True if each example's answers are its right objects only: no other one counts."""
        return self.task.kind == "facts" and self.name == "gold"

    def answers_of(self, example: Example) -> tuple[Answer, ...]:
        """Return the answers that are scored for an example."""
        if not self.by_object:
            return self.task.prompt.verbalizer.answers
        slot = self.task.prompt.template.slots[0]
        return tuple(((slot, target),) for target in example.targets)


def answerable(task: Task, loss: LossName) -> Sequence[Example]:
    """Return the training examples with a right answer to learn from; TaskError if none has one."""
    labels = set(task.prompt.verbalizer.labels)
    usable = [e for e in task.train if loss == "gold" or labels.intersection(e.targets)]
    if not usable:
        raise TaskError(f"{task.name}: no training example has a right answer to search by")
    return usable


class _TriggerTexts:
    """Scoring requests for the texts of triggers x rows, and the values of their log p."""

    def __init__(self, loss: TriggerLoss, triggers: Sequence[Tokens], rows: Rows) -> None:
        self._loss = loss
        groups: dict[tuple[Answer, ...], list[tuple[int, int]]] = {}
        for row in rows:
            text_rows = groups.setdefault(loss.answers_of(loss.examples[row]), [])
            text_rows += ((number, row) for number in range(len(triggers)))
        self._pairs = [pair for pairs in groups.values() for pair in pairs]
        fill, examples = loss.trigger_template.fill, loss.examples
        self.requests = [
            ScoringRequest([fill(examples[row].inputs, triggers[n]) for n, row in pairs], answers)
            for answers, pairs in groups.items()
        ]

    def values(self, rows: Sequence[int], log_probs: "Tensor", accuracy: bool = False) -> "Tensor":
        """Return (row,) log p of the right answer of these texts; or 1 if it comes first, else 0.

        `log_probs` (row, answer); `accuracy` asks for the latter.
        """
        right = self._right(rows, log_probs.shape[1]).to(log_probs.device)
        if self._loss.by_object:
            return log_probs.masked_fill(~right, float("-inf")).logsumexp(1)
        scores = self._loss.aggregation.label_scores(log_probs)
        if accuracy:
            return right.gather(1, scores.argmax(1, keepdim=True))[:, 0].float()
        if self._loss.name == "label":
            scores = scores.log_softmax(1)
        return scores.masked_fill(~right, float("-inf")).logsumexp(1)

    def _right(self, rows: Sequence[int], width: int) -> "Tensor":
        """Return (row, label), true for labels (or an example's objects) that are right."""
        import torch

        examples = [self._loss.examples[self._pairs[row][1]] for row in rows]
        if self._loss.by_object:
            numbers = [list(range(len(example.targets))) for example in examples]
        else:
            numbers = self._loss.aggregation.right(examples)
            width = len(self._loss.aggregation.labels)
        right = torch.zeros(len(rows), width, dtype=torch.bool)
        for index, columns in enumerate(numbers):
            right[index, columns] = True
        return right

    def means(self, values: "np.ndarray") -> list[float]:
        """Return the mean of each trigger over its rows."""
        owners = np.array([number for number, _ in self._pairs])
        return [float(mean) for mean in np.bincount(owners, values) / np.bincount(owners)]
