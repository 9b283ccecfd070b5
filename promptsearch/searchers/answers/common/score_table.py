"""Log-probabilities of candidate words on the training examples, from one pass of the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from promptsearch.data import Example
from promptsearch.engine.strategy import Task
from promptsearch.errors import TaskError
from promptsearch.metrics.predictions import Ints
from promptsearch.models import LanguageModel, Plan, Scoring
from promptsearch.prompt import Filled, Slot, Template
from promptsearch.searchers.answers.common.candidates import Candidate

if TYPE_CHECKING:
    from torch import Tensor

Floats32 = NDArray[np.float32]


@dataclass(frozen=True)
class WordScoring:
    """Candidate words put into the slot of templates, for labelled examples.

    `gold` (example,) are indices of labels.
    """

    model: LanguageModel
    templates: Sequence[Template]
    examples: Sequence[Example]
    gold: Ints
    words: Sequence[Candidate]
    scoring: Scoring

    @classmethod
    def of(
        cls,
        task: Task,
        model: LanguageModel,
        templates: Sequence[Template],
        words: Sequence[Candidate],
        most: int,
    ) -> "WordScoring":
        """Return the scoring of words on `most` examples at most, drawn from all labels alike."""
        index = {label: i for i, label in enumerate(task.labels)}
        examples = sample_balanced(task, most)
        gold = np.array([index[example.targets[0]] for example in examples])
        scoring = Scoring("independent", task.scoring.length_norm)
        return cls(model, templates, examples, gold, words, scoring)

    def plan(self) -> Plan:
        """Return the plan of all templates' texts, one template after the other."""
        causal = self.model.info.family == "causal"
        texts = [t.fill(example.inputs) for t in self.templates for example in self.examples]
        slot = self.templates[0].slots[0]
        answers = [((slot, word.text),) for word in self.words]
        return self.model.plan(
            [_up_to_slot(t) for t in texts] if causal else texts, answers, self.scoring
        )

    def log_prob_table(self, plan: Plan) -> Floats32:
        """Return (template, example, word) log p of each word."""
        shape = len(self.templates), len(self.examples), len(self.words)
        flat = log_probs(self.model, plan, shape[0] * shape[1], shape[2])
        values: Floats32 = flat.view(shape).numpy()
        return values


def log_probs(model: LanguageModel, plan: Plan, texts: int, answers: int) -> "Tensor":
    """Return (text, answer) log p, float32: the results of a plan of so many texts and answers."""
    import torch

    table = torch.empty(texts, answers)
    for block in model.run(plan):
        table[list(block.rows)] = block.log_probs
    return table


def sample_balanced(task: Task, most: int) -> list[Example]:
    """Return training examples whose label is one of the task's, drawn from the labels in turn.

    Raises TaskError if a label has no example: nothing would speak for its words.
    """
    order = np.random.default_rng([task.seed, 8]).permutation(len(task.train)).tolist()
    turns: dict[str, list[int]] = {label: [] for label in task.labels}
    for row in order:
        turns[task.train[row].targets[0]].append(row)
    if missing := [label for label, rows in turns.items() if not rows]:
        raise TaskError(
            f"{task.name}: no training example has the label {missing[0]!r}, so nothing says which "
            "words may stand for it; add one"
        )
    rank = {row: turn for rows in turns.values() for turn, row in enumerate(rows)}
    chosen = sorted(order, key=lambda row: rank[row])[:most]
    return [task.train[row] for row in sorted(chosen)]


def _up_to_slot(text: Filled) -> Filled:
    """Return the text up to its slot: the rest would have to be read again for every word."""
    end = next(index for index, part in enumerate(text) if isinstance(part, Slot))
    return text[: end + 1]
