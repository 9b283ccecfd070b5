"""What triggers are worth on training examples, and which way their tokens should change."""

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
from promptsearch.searchers.common.trigger_template import TriggerTemplate, Tokens

if TYPE_CHECKING:
    from torch import Tensor

LossName = Literal["label", "gold"]
Rows = Sequence[int]  # training examples


@dataclass(frozen=True)
class TriggerObjective:
    """Scores triggers by the mean over examples of log p of what is right.

    `gold` is AutoPrompt's: not normalised over the labels, several right answers add up. `label`
    is p(right label | input), the objective of the searches here. With `accuracy`, triggers are
    compared by it, as AutoPrompt compares them for labelled tasks; gradients are of the loss.
    """

    task: Task
    model: LanguageModel
    layout: TriggerTemplate
    examples: Sequence[Example]
    loss: LossName = "label"
    accuracy: bool = False

    def value(self, triggers: Sequence[Tokens], rows: Rows) -> ModelCall:
        """Of each trigger on the rows, higher is better: a list of numbers."""
        import torch

        texts = _TriggerTexts(self, triggers, rows)
        ranker = self.model.fast_model
        plan = ranker.plan_all(texts.questions, self.task.scoring)

        def work() -> list[float]:
            values = torch.zeros(len(triggers) * len(rows))
            for block in ranker.run(plan):
                values[list(block.rows)] = texts.values(block.rows, block.log_probs, self.accuracy)
            return texts.means(values.numpy().astype(np.float64))

        return ModelCall(Cost.of(plan), work)

    def token_gradients(self, trigger: Tokens, rows: Rows, choose: "Choose") -> ModelCall:
        """What `choose` makes of the slopes (place, token) of the mean loss, in JSON values."""
        texts = _TriggerTexts(self, [trigger], rows)
        box = self.model.white_box
        plan = box.plan(texts.questions, self.task.scoring)

        def work() -> object:
            slopes = box.token_gradients(plan, lambda own, log_probs: -texts.values(own, log_probs))
            return choose(slopes.tokens / len(rows))

        return ModelCall(Cost.of(plan), work)

    @cached_property
    def labelling(self) -> LabelAggregation:
        """From answers to labels."""
        task, facts = self.task, self.task.kind == "facts"
        return LabelAggregation.of(task.prompt.verbalizer, self.model, task.answer_score, facts)

    @property
    def by_object(self) -> bool:
        """Whether each example is asked its own right objects only: nothing else counts."""
        return self.task.kind == "facts" and self.loss == "gold"

    def answers_of(self, example: Example) -> tuple[Answer, ...]:
        """What an example is asked."""
        if not self.by_object:
            return self.task.prompt.verbalizer.answers
        slot = self.task.prompt.template.slots[0]
        return tuple(((slot, target),) for target in example.targets)


def answerable(task: Task, loss: LossName) -> Sequence[Example]:
    """Training examples that have a right answer to learn from; `TaskError` where none has."""
    labels = set(task.prompt.verbalizer.labels)
    usable = [e for e in task.train if loss == "gold" or labels.intersection(e.targets)]
    if not usable:
        raise TaskError(f"{task.name}: no training example has a right answer to search by")
    return usable


Choose = Callable[["Tensor"], object]


class _TriggerTexts:
    """Texts of triggers x rows in questions, and what the model's words on them come to."""

    def __init__(self, assay: TriggerObjective, triggers: Sequence[Tokens], rows: Rows) -> None:
        self._assay = assay
        groups: dict[tuple[Answer, ...], list[tuple[int, int]]] = {}
        for row in rows:
            text_rows = groups.setdefault(assay.answers_of(assay.examples[row]), [])
            text_rows += ((number, row) for number in range(len(triggers)))
        self._pairs = [pair for pairs in groups.values() for pair in pairs]
        fill, examples = assay.layout.fill, assay.examples
        self.questions = [
            ScoringRequest([fill(examples[row].inputs, triggers[n]) for n, row in pairs], answers)
            for answers, pairs in groups.items()
        ]

    def values(self, rows: Sequence[int], log_probs: "Tensor", accuracy: bool = False) -> "Tensor":
        """(row,) log p of what is right, or whether the first choice is, for these texts."""
        right = self._right(rows, log_probs.shape[1]).to(log_probs.device)
        if self._assay.by_object:
            return log_probs.masked_fill(~right, float("-inf")).logsumexp(1)
        scores = self._assay.labelling.label_scores(log_probs)
        if accuracy:
            return right.gather(1, scores.argmax(1, keepdim=True))[:, 0].float()
        if self._assay.loss == "label":
            scores = scores.log_softmax(1)
        return scores.masked_fill(~right, float("-inf")).logsumexp(1)

    def _right(self, rows: Sequence[int], width: int) -> "Tensor":
        """(row, label): which labels, or own objects, are right."""
        import torch

        examples = [self._assay.examples[self._pairs[row][1]] for row in rows]
        if self._assay.by_object:
            numbers = [list(range(len(example.targets))) for example in examples]
        else:
            numbers = self._assay.labelling.right(examples)
            width = len(self._assay.labelling.labels)
        right = torch.zeros(len(rows), width, dtype=torch.bool)
        for index, columns in enumerate(numbers):
            right[index, columns] = True
        return right

    def means(self, values: "np.ndarray") -> list[float]:
        """Of each trigger over its rows."""
        owners = np.array([number for number, _ in self._pairs])
        return [float(mean) for mean in np.bincount(owners, values) / np.bincount(owners)]
