"""One climb: a trigger that changes by one token a step, judged on training examples."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from promptsearch.prompt.template import Template
from promptsearch.searchers.common.trigger_template import Tokens
from promptsearch.searchers.gradient.cached_objective import CachedTriggerObjective
from promptsearch.searchers.gradient.minibatches import Minibatches, Rows


@dataclass
class TriggerState:
    """Where a climb stands, and how it moves on."""

    number: int  # among the restarts
    objective: CachedTriggerObjective
    draws: Minibatches
    trigger: Tokens
    mask: int | None = None  # a trigger that holds it cannot be written
    reject_masks: bool = False  # the release's rule: whatever is tried is better than a mask
    ended: bool = False
    value: float | None = None  # of the trigger, on the rows that it was last judged on
    parent: str | None = None  # the trial of the last text
    _tried: set[int] = field(default_factory=set)  # places, since the trigger last changed

    @property
    def masks(self) -> list[int]:
        """Places that still hold a mask."""
        return [position for position, token in enumerate(self.trigger) if token == self.mask]

    def next_position(self, settled: bool) -> int | None:
        """A random place; None where there is none left to try.

        Where every step sees all examples and chance has no part in its candidates (`settled`), a
        place that was tried since the trigger changed would be tried in the same way: it is left
        out.
        """
        positions = list(range(len(self.trigger)))
        if settled and self.draws.whole:
            positions = [position for position in positions if position not in self._tried]
        if not positions:
            return None
        position = self.draws.random_position(positions)
        self._tried.add(position)
        return position

    def with_token(self, position: int, token: int) -> Tokens:
        """The trigger with this token there."""
        return (*self.trigger[:position], token, *self.trigger[position + 1 :])

    def move(self, rivals: Sequence[Tokens], rows: Rows, force: bool = False) -> Template | None:
        """Go on from the best rival, where it beats the trigger on the rows or must be taken.

        Of equals the first is best. What holds no mask must be said by a text in every context, or
        the next best is taken. The text is given back.
        """
        bar = float("-inf")
        if not force and not (self.reject_masks and self.masks):
            bar = self.objective.value([self.trigger, *rivals], rows)[0]
        values = self.objective.value(rivals, rows)
        for value, rival in sorted(zip(values, rivals, strict=True), key=lambda pair: -pair[0]):
            if value <= bar:
                return None
            text = self.objective.speller.template(rival)
            if text is not None or self.mask in rival:
                self.trigger, self.value = rival, value
                self._tried.clear()
                return text
        return None
