"""The steps of a climb, each as its paper has it.

HotFlip (Ebrahimi et al., 2018) as AutoPrompt (Shin et al., 2020) uses it: one random place; the
tokens that promise most by the gradient on one draw of examples; the best of them on another draw
is taken if it is better. GCG (Zou et al., 2023): substitutions drawn from the tokens that promise
most at all places; the best is taken, better or not. Random is HotFlip's step without a gradient:
what chance alone would find.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from promptsearch.prompt.template import Template
from promptsearch.searchers.gradient.search_state import TriggerState

SPARE = 8  # times the candidates wanted that are looked at: not all of them can be said


class TriggerStep(Protocol):
    """Moves a climb on; what it says now, where that is new and text can say it."""

    def __call__(self, climb: TriggerState) -> Template | None: ...

    def fill(self, climb: TriggerState, position: int) -> Template | None:
        """Take the best candidate for a place that still holds a mask, better or not."""
        ...


@dataclass(frozen=True)
class OnePosition:
    """A step at one place; what stands there next is for those that inherit to say."""

    candidates: int = 10
    is_deterministic: ClassVar[bool]  # whether chance has no part in the tokens

    def tokens(self, climb: TriggerState, position: int, rows: tuple[int, ...]) -> Sequence[int]:
        """More than enough tokens for the place, the first ones first."""
        raise NotImplementedError

    def __call__(self, climb: TriggerState) -> Template | None:
        """At a random place. Where all were tried in vain a mask is filled, or the climb ends."""
        position = climb.next_position(self.is_deterministic)
        if position is not None:
            return self._at(climb, position, force=False)
        if climb.masks:
            return self.fill(climb, climb.masks[0])
        climb.ended = True
        return None

    def fill(self, climb: TriggerState, position: int) -> Template | None:
        """Take the best candidate for the place."""
        return self._at(climb, position, force=True)

    def _at(self, climb: TriggerState, position: int, force: bool) -> Template | None:
        rows, others = climb.draws.pair()
        changed = [
            climb.with_token(position, token) for token in self.tokens(climb, position, rows)
        ]
        rivals = climb.objective.encodable(changed, self.candidates)
        return climb.move(rivals, others, force)


class HotFlip(OnePosition):
    """The tokens that promise most at one place."""

    is_deterministic = True

    def tokens(self, climb: TriggerState, position: int, rows: tuple[int, ...]) -> Sequence[int]:
        """By the gradient on the rows."""
        return climb.objective.top_tokens(climb.trigger, rows, SPARE * self.candidates)[position]


class RandomStep(OnePosition):
    """Random tokens at one place."""

    is_deterministic = False

    def tokens(self, climb: TriggerState, position: int, rows: tuple[int, ...]) -> Sequence[int]:
        """Whatever comes up."""
        allowed = np.flatnonzero(climb.objective.usable)
        count = min(SPARE * self.candidates, len(allowed))
        return [int(token) for token in climb.draws.rng.choice(allowed, count, replace=False)]


@dataclass(frozen=True)
class Gcg:
    """Some of the tokens that promise most at all places."""

    candidates: int = 32
    top: int = 256  # tokens of a place that are drawn from

    def __call__(self, climb: TriggerState) -> Template | None:
        rows, _ = climb.draws.pair()
        tops = climb.objective.top_tokens(climb.trigger, rows, self.top)
        pairs = [(position, token) for position, tokens in enumerate(tops) for token in tokens]
        drawn = climb.draws.rng.permutation(len(pairs))[: SPARE * self.candidates]
        changed = [climb.with_token(*pairs[number]) for number in drawn]
        rivals = climb.objective.encodable(changed, self.candidates)
        return climb.move(rivals, rows, force=True)

    def fill(self, climb: TriggerState, position: int) -> Template | None:
        """HotFlip's, where a mask is left."""
        return HotFlip(self.candidates).fill(climb, position)
