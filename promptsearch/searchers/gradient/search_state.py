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
    laboratory: CachedTriggerObjective
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
        return [place for place, token in enumerate(self.trigger) if token == self.mask]

    def place(self, settled: bool) -> int | None:
        """A random place; None where there is none left to try.

        Where every step sees all examples and chance has no part in its candidates (`settled`), a
        place that was tried since the trigger changed would be tried in the same way: it is left
        out.
        """
        places = list(range(len(self.trigger)))
        if settled and self.draws.whole:
            places = [place for place in places if place not in self._tried]
        if not places:
            return None
        place = self.draws.one(places)
        self._tried.add(place)
        return place

    def with_token(self, place: int, token: int) -> Tokens:
        """The trigger with this token there."""
        return (*self.trigger[:place], token, *self.trigger[place + 1 :])

    def move(self, rivals: Sequence[Tokens], rows: Rows, force: bool = False) -> Template | None:
        """Go on from the best rival, where it beats the trigger on the rows or must be taken.

        Of equals the first is best. What holds no mask must be said by a text in every context, or
        the next best is taken. The text is given back.
        """
        bar = float("-inf")
        if not force and not (self.reject_masks and self.masks):
            bar = self.laboratory.value([self.trigger, *rivals], rows)[0]
        values = self.laboratory.value(rivals, rows)
        for value, rival in sorted(zip(values, rivals, strict=True), key=lambda pair: -pair[0]):
            if value <= bar:
                return None
            text = self.laboratory.speller.template(rival)
            if text is not None or self.mask in rival:
                self.trigger, self.value = rival, value
                self._tried.clear()
                return text
        return None
