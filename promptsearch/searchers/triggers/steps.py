"""The steps of a climb, each as its paper has it.

HotFlip (Ebrahimi et al., 2018) as AutoPrompt (Shin et al., 2020) uses it: one random place; the
tokens that promise most by the gradient on one draw of examples; the best of them on another draw
is taken if it is better. GCG (Zou et al., 2023): substitutions drawn from the tokens that promise
most at all places; the best is taken, better or not. Random is HotFlip's step without a gradient:
what chance alone would find.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from promptsearch.searchers.triggers.climb import Climb
from promptsearch.template import Template

SPARE = 8  # times the candidates wanted that are looked at: not all of them can be said


class Step(Protocol):
    """Moves a climb on; what it says now, where that is new and text can say it."""

    def __call__(self, climb: Climb) -> Template | None: ...

    def fill(self, climb: Climb, place: int) -> Template | None:
        """Take the best candidate for a place that still holds a mask, better or not."""
        ...


class _OnePlace(Protocol):
    """What the steps at one place differ in."""

    @property
    def candidates(self) -> int: ...

    @property
    def settled(self) -> bool:
        """Whether chance has no part in the tokens."""
        ...

    def tokens(self, climb: Climb, place: int, rows: tuple[int, ...]) -> Sequence[int]:
        """More than enough tokens for the place, the first ones first."""
        ...


@dataclass(frozen=True)
class HotFlip:
    """The tokens that promise most at one place."""

    candidates: int = 10
    settled: bool = True

    def __call__(self, climb: Climb) -> Template | None:
        return _at_some_place(self, climb)

    def fill(self, climb: Climb, place: int) -> Template | None:
        """Take the best candidate for the place."""
        return _at(self, climb, place, force=True)

    def tokens(self, climb: Climb, place: int, rows: tuple[int, ...]) -> Sequence[int]:
        """By the gradient on the rows."""
        return climb.laboratory.steepest(climb.trigger, rows, SPARE * self.candidates)[place]


@dataclass(frozen=True)
class Blind:
    """Random tokens at one place."""

    candidates: int = 10
    settled: bool = False

    def __call__(self, climb: Climb) -> Template | None:
        return _at_some_place(self, climb)

    def fill(self, climb: Climb, place: int) -> Template | None:
        """Take the best candidate for the place."""
        return _at(self, climb, place, force=True)

    def tokens(self, climb: Climb, place: int, rows: tuple[int, ...]) -> Sequence[int]:
        """Whatever comes up."""
        able = np.flatnonzero(climb.laboratory.usable)
        count = min(SPARE * self.candidates, len(able))
        return [int(token) for token in climb.draws.rng.choice(able, count, replace=False)]


@dataclass(frozen=True)
class Gcg:
    """Some of the tokens that promise most at all places."""

    candidates: int = 32
    top: int = 256  # tokens of a place that are drawn from

    def __call__(self, climb: Climb) -> Template | None:
        rows, _ = climb.draws.pair()
        tops = climb.laboratory.steepest(climb.trigger, rows, self.top)
        pairs = [(place, token) for place, tokens in enumerate(tops) for token in tokens]
        drawn = climb.draws.rng.permutation(len(pairs))[: SPARE * self.candidates]
        changed = [climb.with_token(*pairs[number]) for number in drawn]
        rivals = climb.laboratory.sayable(changed, self.candidates)
        return climb.move(rivals, rows, force=True)

    def fill(self, climb: Climb, place: int) -> Template | None:
        """HotFlip's, where a mask is left."""
        return HotFlip(self.candidates).fill(climb, place)


def _at_some_place(step: _OnePlace, climb: Climb) -> Template | None:
    """At a random place. Where all were tried in vain a mask is filled, or the climb ends."""
    place = climb.place(step.settled)
    if place is not None:
        return _at(step, climb, place, force=False)
    if climb.masks:
        return _at(step, climb, climb.masks[0], force=True)
    climb.ended = True
    return None


def _at(step: _OnePlace, climb: Climb, place: int, force: bool) -> Template | None:
    rows, others = climb.draws.pair()
    changed = [climb.with_token(place, token) for token in step.tokens(climb, place, rows)]
    rivals = climb.laboratory.sayable(changed, step.candidates)
    return climb.move(rivals, others, force)
