"""The state of a greedy search: a trigger that changes by one token a step."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from promptsearch.prompt.template import Template
from promptsearch.searchers.common.ledger_calls import Rows
from promptsearch.searchers.common.trigger_template import Tokens
from promptsearch.searchers.gradient.minibatches import Minibatches
from promptsearch.searchers.gradient.objective import TriggerObjective


@dataclass
class TriggerState:
    """A trigger with its value on training examples, and the move to a better one."""

    number: int  # among the restarts
    objective: TriggerObjective
    minibatches: Minibatches
    trigger: Tokens
    mask: int | None = None  # a trigger that holds it cannot be written
    reject_masks: bool = False  # the release's rule: any candidate is better than a mask
    ended: bool = False
    value: float | None = None  # of the trigger, on the rows that it was last compared on
    parent: str | None = None  # the trial of the last text
    _tried: set[int] = field(default_factory=set)  # positions, since the trigger last changed

    @property
    def masks(self) -> list[int]:
        """Positions that still hold a mask."""
        return [position for position, token in enumerate(self.trigger) if token == self.mask]

    def next_position(self, is_deterministic: bool) -> int | None:
        """Return a random position; None if there is none left to try.

        If every step sees all examples and its candidates do not depend on chance
        (`is_deterministic`), a position that was tried since the trigger changed would be tried in
        the same way: it is left out.
        """
        positions = list(range(len(self.trigger)))
        if is_deterministic and self.minibatches.whole:
            positions = [position for position in positions if position not in self._tried]
        if not positions:
            return None
        position = self.minibatches.random_position(positions)
        self._tried.add(position)
        return position

    def with_token(self, position: int, token: int) -> Tokens:
        """Return the trigger with this token at a position."""
        return (*self.trigger[:position], token, *self.trigger[position + 1 :])

    def move(self, rivals: Sequence[Tokens], rows: Rows, force: bool = False) -> Template | None:
        """Go on from the best rival if it beats the trigger on the rows, or is forced.

        Of equals the first is best. A rival without a mask needs a text that every context reads
        as its tokens, or the next best is taken. Returns the text; None without a move, or if the
        rival holds a mask.
        """
        bar = float("-inf")
        if not force and not (self.reject_masks and self.masks):
            bar = self.objective.value([self.trigger, *rivals], rows)[0]
        values = self.objective.value(rivals, rows)
        for value, rival in sorted(zip(values, rivals, strict=True), key=lambda pair: -pair[0]):
            if value <= bar:
                return None
            text = self.objective.detokenizer.template(rival)
            if text is not None or self.mask in rival:
                self.trigger, self.value = rival, value
                self._tried.clear()
                return text
        return None
