"""The objective of a mixture: pairs of a template and an example, weighed by responsibilities.

Qin and Eisner (2021), "Learning How to Ask: Querying LMs with Mixtures of Soft Prompts",
https://arxiv.org/abs/2104.06599, section 2.4: p(y | x) = sum_t p(t) p(y | x, t). Expectation:
q(t | x, y) = p(t) p(y | x, t) / sum of these, and p(t) their mean; maximisation: gradient steps on
q(t | x, y) times -log p(y | x, t).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from promptsearch.models import LanguageModel, Scoring, ScoringRequest
from promptsearch.prompt import Template
from promptsearch.scoring import Cost
from promptsearch.scoring.combination import Floats, responsibilities
from promptsearch.searchers.common.example_loss import ExampleLoss
from promptsearch.searchers.soft.objective import requests_of

if TYPE_CHECKING:
    from torch import Tensor

    from promptsearch.models.gradients.backward import Loss


@dataclass
class Mixture:
    """Templates that are trained together on the same examples, and their responsibilities.

    Pairs are counted template by template: pair `t * examples + e` is of template t, example e.
    """

    model: LanguageModel
    loss: ExampleLoss
    templates: Sequence[Template]  # with their first vectors
    scoring: Scoring
    weights: Floats = field(init=False)  # (template,), p(t); equal at the start
    _shares: Floats = field(init=False)  # (template, example), q(t | x, y)

    def __post_init__(self) -> None:
        count = len(self.templates)
        self.weights = np.full(count, 1 / count)
        self._shares = np.full((count, len(self.loss.examples)), 1 / count)

    @property
    def pairs(self) -> int:
        """The number of pairs of a template and an example."""
        return len(self.templates) * len(self.loss.examples)

    @cached_property
    def cost(self) -> Cost:
        """The cost of both expectations of a segment."""
        requests, _ = self._requests(self.templates, range(self.pairs))
        once = Cost.of(self.model.plan_all(requests, self.scoring))
        return once + once

    def expect(self, templates: Sequence[Template]) -> None:
        """Set the responsibilities to those of these vectors and the weights in force."""
        self._shares = responsibilities(self.log_right(templates), self.weights)

    def next_weights(self) -> list[float]:
        """Return the weights that one step of maximisation gives: the mean responsibilities.

        Not those that all steps would end in: a template that begins worse would be given up
        before its vectors have moved.
        """
        return [float(weight) for weight in self._shares.mean(1)]

    def log_right(self, templates: Sequence[Template]) -> Floats:
        """Return (template, example) log p of the right answer."""
        requests, order = self._requests(templates, range(self.pairs))
        values = np.zeros(self.pairs)
        for block in self.model.run(self.model.plan_all(requests, self.scoring)):
            pairs = [order[number] for number in block.rows]
            values[pairs] = self._log_right(pairs, block.log_probs).numpy()
        return values.reshape(self._shares.shape)

    def requests(self, pairs: Sequence[int]) -> "tuple[list[ScoringRequest], Loss]":
        """Return the texts of pairs and their loss, weighed by responsibilities.

        It is times the count of templates: the mean over pairs is then like that of one template.
        """
        requests, order = self._requests(self.templates, pairs)
        weights = self._shares.ravel() * len(self.templates)

        def loss(numbers: Sequence[int], log_probs: "Tensor") -> "Tensor":
            of_block = [order[number] for number in numbers]
            log_right = self._log_right(of_block, log_probs)
            return -log_right * log_right.new_tensor(weights[of_block])

        return requests, loss

    def _requests(
        self, templates: Sequence[Template], pairs: Sequence[int]
    ) -> tuple[list[ScoringRequest], list[int]]:
        """Return the texts of pairs, template by template, and the pair of each text."""
        count, requests, order = len(self.loss.examples), [], []
        for number, template in enumerate(templates):
            rows = [pair % count for pair in pairs if pair // count == number]
            of_template, examples = requests_of(self.loss, template, rows)
            requests += of_template
            order += [number * count + row for row in examples]
        return requests, order

    def _log_right(self, pairs: Sequence[int], log_probs: "Tensor") -> "Tensor":
        """Return (pair,) log p of the right answer, from those of all answers (pair, answer)."""
        return self.loss.log_right([pair % len(self.loss.examples) for pair in pairs], log_probs)
