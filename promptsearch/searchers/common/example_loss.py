"""The loss of training examples under a prompt's answers, from the answers' log p."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from promptsearch.data import Example
from promptsearch.engine.strategy import Task
from promptsearch.errors import TaskError
from promptsearch.models import LanguageModel
from promptsearch.prompt import Answer
from promptsearch.scoring.label_aggregation import LabelAggregation
from promptsearch.scoring.multi_label_scorer import aggregation_of
from promptsearch.searchers.common.row_options import refuse_row_options

if TYPE_CHECKING:
    from torch import Tensor

LossName = Literal["label", "gold"]


@dataclass(frozen=True)
class ExampleLoss:
    """The mean over examples of -log p of the right answer.

    `gold` is AutoPrompt's: not normalised over the labels, several right answers add up. `label`
    is -log p(right label | input), the objective of the searches here; of several labels at once
    the mean over them of -log p(right decision). Of free texts it is the mean over references of
    -log p, whatever its name. Of values it is the cross-entropy to where they lie between both
    answers.
    """

    task: Task
    model: LanguageModel
    examples: Sequence[Example]
    name: LossName = "label"

    @cached_property
    def aggregation(self) -> LabelAggregation:
        """The sums of answers that make the scores of labels."""
        task = self.task
        score = "log-odds" if task.kind.label_sets else task.scoring.options_score
        how = task.answer_score, task.kind.merges_alike, score
        return aggregation_of(task.kind).of(task.prompt.verbalizer, self.model, *how)

    @property
    def by_object(self) -> bool:
        """True if each example's answers are its right objects only: no other one counts."""
        kind = self.task.kind
        return kind.free_texts or (kind.targets_fill_slot and self.name == "gold")

    def answers_of(self, example: Example) -> tuple[Answer, ...]:
        """Return the answers that are scored for an example."""
        if not self.by_object:
            return self.task.prompt.verbalizer.answers
        slot = self.task.prompt.template.slots[0]
        return tuple(((slot, target),) for target in example.targets)

    def by_answers(self, rows: Sequence[int]) -> dict[tuple[Answer, ...], list[int]]:
        """Return the examples of these rows by the answers that are scored for them."""
        groups: dict[tuple[Answer, ...], list[int]] = {}
        for row in rows:
            groups.setdefault(self.answers_of(self.examples[row]), []).append(row)
        return groups

    def log_right(
        self, rows: Sequence[int], log_probs: "Tensor", accuracy: bool = False
    ) -> "Tensor":
        """Return (row,) log p of the right answer of examples; or 1 if it comes first, else 0.

        `log_probs` (row, answer); `accuracy` asks for the latter.
        """
        right = self._right(rows, log_probs.shape[1]).to(log_probs.device)
        if self.task.kind.free_texts:
            return (log_probs * right).sum(1) / right.sum(1)
        if self.by_object:
            return log_probs.masked_fill(~right, float("-inf")).logsumexp(1)
        scores = self.aggregation.label_scores(log_probs)
        if self.task.kind.values:
            shares = scores.new_tensor([float(self.examples[row].targets[0]) for row in rows])
            both = scores.log_softmax(1)
            return shares * both[:, 1] + (1 - shares) * both[:, 0]
        if accuracy:
            return right.gather(1, scores.argmax(1, keepdim=True))[:, 0].float()
        if self.name == "label":
            return self.aggregation.log_right_of(scores, right)
        return scores.masked_fill(~right, float("-inf")).logsumexp(1)

    def _right(self, rows: Sequence[int], width: int) -> "Tensor":
        """Return (row, label), true for labels (or an example's objects) that are right."""
        import torch

        examples = [self.examples[row] for row in rows]
        if self.by_object:
            numbers = [list(range(len(example.targets))) for example in examples]
        else:
            numbers = self.aggregation.right(examples)
            width = len(self.aggregation.labels)
        right = torch.zeros(len(rows), width, dtype=torch.bool)
        for index, columns in enumerate(numbers):
            right[index, columns] = True
        return right


def answerable(task: Task, loss: LossName) -> Sequence[Example]:
    """Return the training examples with a right answer to learn from; TaskError if none has one.

    Of several labels at once every example has one, for each label: yes or no.
    """
    refuse_row_options(task, "a loss of answers")
    if task.kind.free_texts or task.kind.values:
        return task.train
    if task.kind.label_sets:
        if loss == "gold":
            raise TaskError(
                f"{task.name}: it has several labels at once, and a loss over right answers alone "
                "learns to say yes; use the loss over the labels, `loss` label"
            )
        return task.train
    labels = set(task.prompt.verbalizer.labels)
    usable = [e for e in task.train if loss == "gold" or labels.intersection(e.targets)]
    if not usable:
        raise TaskError(f"{task.name}: no training example has a right answer to search by")
    return usable
