"""The objective of a trigger search: log p of the right answers, and how readable a trigger is.

Each question is put to the model once, in this run or in the run that it resumes: the trigger that
a step starts from was scored when it was a candidate, if the rows are the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from promptsearch.engine import ModelCall
from promptsearch.engine.strategy import Score
from promptsearch.prompt.template import Template
from promptsearch.searchers.common.ledger_calls import LedgeredValues, Rows, ledgered
from promptsearch.searchers.common.trigger_template import Tokens
from promptsearch.searchers.gradient.detokenize import Detokenizer
from promptsearch.searchers.gradient.fluency import Fluency
from promptsearch.searchers.gradient.loss import TriggerLoss


@dataclass
class TriggerObjective:
    """Values of triggers on training examples, and the tokens that promise better ones."""

    loss: TriggerLoss
    score: Score
    detokenizer: Detokenizer
    usable: NDArray[np.bool_]  # (token,)
    fluency: Fluency
    fluency_weight: float = 0.0  # log p for a nat of fluency

    def top_tokens(self, trigger: Tokens, rows: Rows, count: int) -> list[list[int]]:
        """Return, for each position, the usable tokens that promise most, without its present one.

        The best ones come first: those with the smallest slope of the loss.
        """
        prepare = partial(self._steepest, trigger, rows, count)
        tokens: list[list[int]] = ledgered(self.score, f"slopes {count}", prepare, trigger, rows)
        return tokens

    def value(self, triggers: Sequence[Tokens], rows: Rows) -> list[float]:
        """Return the value of each trigger on the rows, its fluency included; higher is better."""
        values = self._scores.of(triggers, rows)
        if not self.fluency_weight:
            return values
        fluencies = self.fluencies([self.detokenizer.likely(trigger) for trigger in triggers])
        return [
            value + self.fluency_weight * fluency
            for value, fluency in zip(values, fluencies, strict=True)
        ]

    def fluencies(self, templates: Sequence[Template]) -> list[float]:
        """Return the fluency of each template, in nats a word."""
        return self._fluencies.of(templates)

    @cached_property
    def _scores(self) -> LedgeredValues[Tokens]:
        return LedgeredValues(self.score, "worth", self.loss.values, in_key=tuple)

    @cached_property
    def _fluencies(self) -> LedgeredValues[Template]:
        return LedgeredValues(
            self.score, "fluency", lambda templates, _: self.fluency.values(templates), in_key=str
        )

    def _steepest(self, trigger: Tokens, rows: Rows, count: int) -> ModelCall:
        cost, token_gradients = self.loss.token_gradients(trigger, rows)

        def run() -> list[list[int]]:
            return [
                smallest(slopes.numpy(), self.usable, token, count)
                for token, slopes in zip(trigger, token_gradients(), strict=True)
            ]

        return ModelCall(cost, run)


def smallest(
    slopes: NDArray[np.float32], usable: NDArray[np.bool_], current: int, count: int
) -> list[int]:
    """Return the usable tokens with the smallest slopes, ascending; of equals the lowest id first.

    `slopes` (token,), `usable` (token,); the current token is left out.
    """
    allowed = usable.copy()
    allowed[current] = False
    ids = np.flatnonzero(allowed[: len(slopes)])
    order = np.argsort(slopes[ids], kind="stable")[:count]
    return [int(token) for token in ids[order]]
