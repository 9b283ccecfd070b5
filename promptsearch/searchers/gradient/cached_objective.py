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
    _worth: dict[tuple[Tokens, Rows], float] = field(default_factory=dict)

    def top_tokens(self, trigger: Tokens, rows: Rows, count: int) -> list[list[int]]:
        """For each place the usable tokens that promise most, the best first; not its own."""
        usable, own = self.usable, trigger

        def choose(slopes: "Tensor") -> list[list[int]]:
            return [smallest(row.numpy(), usable, own[p], count) for p, row in enumerate(slopes)]

        name = f"slopes {count} {digest(trigger, rows)}"
        found = self.score.once(name, lambda: self.assay.token_gradients(trigger, rows, choose))
        return cast(list[list[int]], found)

    def is_encodable(self, triggers: Sequence[Tokens], count: int) -> list[Tokens]:
        """The first `count` that text can say where it is tried."""
        able: list[Tokens] = []
        for start in range(0, len(triggers), 2 * count):
            some = triggers[start : start + 2 * count]
            good = zip(some, self.speller.is_encodable(some), strict=True)
            able += (trigger for trigger, is_good in good if is_good)
            if len(able) >= count:
                break
        return able[:count]

    def value(self, triggers: Sequence[Tokens], rows: Rows) -> list[float]:
        """Of each trigger on the rows, what it loses in fluency taken off; higher is better."""
        new = [t for t in dict.fromkeys(triggers) if (t, rows) not in self._worth]
        if new:
            values = self._asked("worth", new, rows, lambda: self.assay.value(new, rows))
            if self.weight:
                nats = self.fluencies([self.speller.likely(trigger) for trigger in new])
                values = [v + self.weight * own for v, own in zip(values, nats, strict=True)]
            self._worth |= {(t, rows): v for t, v in zip(new, values, strict=True)}
        return [self._worth[trigger, rows] for trigger in triggers]

    def fluencies(self, templates: Sequence[Template]) -> list[float]:
        """Of each template, in nats a word."""
        new = list(dict.fromkeys(t for t in templates if t not in self._fluencies))
        if new:
            texts = list(map(str, new))
            nats = self._asked("fluency", texts, (), lambda: self.fluency.chore(new))
            self._fluencies |= dict(zip(new, nats, strict=True))
        return [self._fluencies[template] for template in templates]

    def _asked(
        self, what: str, things: object, rows: Rows, prepare: Callable[[], ModelCall]
    ) -> list[float]:
        found = self.score.once(f"{what} {digest(things, rows)}", prepare)
        return cast(list[float], found)


def smallest(
    slopes: NDArray[np.float32], usable: NDArray[np.bool_], own: int, count: int
) -> list[int]:
    """The usable tokens with the smallest slopes, ascending; of equals the lowest id first."""
    able = usable.copy()
    able[own] = False
    ids = np.flatnonzero(able[: len(slopes)])
    order = np.argsort(slopes[ids], kind="stable")[:count]
    return [int(token) for token in ids[order]]
