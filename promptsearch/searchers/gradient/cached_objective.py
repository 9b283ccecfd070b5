"""All that a search asks of the model on training examples, each thing once.

What was asked before, in this run or in the run that it resumes, is not asked again: the trigger
that a step starts from was scored when it was a candidate, wherever the rows are the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from promptsearch.engine import ModelCall
from promptsearch.engine.ledger import digest
from promptsearch.engine.strategy import Score
from promptsearch.prompt.template import Template
from promptsearch.searchers.common.trigger_template import Tokens
from promptsearch.searchers.gradient.detokenize import Detokenizer
from promptsearch.searchers.gradient.fluency import Fluency
from promptsearch.searchers.gradient.minibatches import Rows
from promptsearch.searchers.gradient.objective import TriggerObjective

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class CachedTriggerObjective:
    """Slopes, candidates and worth of triggers."""

    assay: TriggerObjective
    score: Score
    speller: Detokenizer
    usable: NDArray[np.bool_]  # (token,)
    fluency: Fluency
    weight: float = 0.0  # what a nat of fluency is worth
    _fluencies: dict[Template, float] = field(default_factory=dict)
    _values: dict[tuple[Tokens, Rows], float] = field(default_factory=dict)

    def top_tokens(self, trigger: Tokens, rows: Rows, count: int) -> list[list[int]]:
        """For each place the usable tokens that promise most, the best first; not its own."""
        usable, current = self.usable, trigger

        def choose(slopes: "Tensor") -> list[list[int]]:
            return [
                smallest(row.numpy(), usable, current[p], count) for p, row in enumerate(slopes)
            ]

        name = f"slopes {count} {digest(trigger, rows)}"
        tokens = self.score.once(name, lambda: self.assay.token_gradients(trigger, rows, choose))
        return cast(list[list[int]], tokens)

    def encodable(self, triggers: Sequence[Tokens], count: int) -> list[Tokens]:
        """The first `count` that text can say where it is tried."""
        encodable: list[Tokens] = []
        for start in range(0, len(triggers), 2 * count):
            batch = triggers[start : start + 2 * count]
            good = zip(batch, self.speller.is_encodable(batch), strict=True)
            encodable += (trigger for trigger, is_good in good if is_good)
            if len(encodable) >= count:
                break
        return encodable[:count]

    def value(self, triggers: Sequence[Tokens], rows: Rows) -> list[float]:
        """Of each trigger on the rows, what it loses in fluency taken off; higher is better."""
        new = [t for t in dict.fromkeys(triggers) if (t, rows) not in self._values]
        if new:
            values = self._ledgered("worth", new, rows, lambda: self.assay.value(new, rows))
            if self.weight:
                nats = self.fluencies([self.speller.likely(trigger) for trigger in new])
                values = [
                    v + self.weight * fluency for v, fluency in zip(values, nats, strict=True)
                ]
            self._values |= {(t, rows): v for t, v in zip(new, values, strict=True)}
        return [self._values[trigger, rows] for trigger in triggers]

    def fluencies(self, templates: Sequence[Template]) -> list[float]:
        """Of each template, in nats a word."""
        new = list(dict.fromkeys(t for t in templates if t not in self._fluencies))
        if new:
            texts = list(map(str, new))
            nats = self._ledgered("fluency", texts, (), lambda: self.fluency.chore(new))
            self._fluencies |= dict(zip(new, nats, strict=True))
        return [self._fluencies[template] for template in templates]

    def _ledgered(
        self, what: str, things: object, rows: Rows, prepare: Callable[[], ModelCall]
    ) -> list[float]:
        numbers = self.score.once(f"{what} {digest(things, rows)}", prepare)
        return cast(list[float], numbers)


def smallest(
    slopes: NDArray[np.float32], usable: NDArray[np.bool_], current: int, count: int
) -> list[int]:
    """The usable tokens with the smallest slopes, ascending; of equals the lowest id first."""
    allowed = usable.copy()
    allowed[current] = False
    ids = np.flatnonzero(allowed[: len(slopes)])
    order = np.argsort(slopes[ids], kind="stable")[:count]
    return [int(token) for token in ids[order]]
