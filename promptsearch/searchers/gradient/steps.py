"""The steps of a trigger search, each as its paper has it.

HotFlip (Ebrahimi et al., 2018) as AutoPrompt (Shin et al., 2020) uses it: one random position; the
tokens that promise most by the gradient on one draw of examples; the best of them on another draw
is taken if it is better. GCG (Zou et al., 2023): substitutions drawn from the tokens that promise
most at all positions; the best is taken, better or not. Random is HotFlip's step without a
gradient: what chance alone would find.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from promptsearch.prompt.template import Template
from promptsearch.searchers.common.ledger_calls import Rows
from promptsearch.searchers.gradient.search_state import TriggerState

SPARE = 8  # tokens looked at for each candidate: text cannot say all of them


class TriggerStep(Protocol):
    """Moves the state on, and returns the new trigger's text if it has one."""

    def __call__(self, state: TriggerState) -> Template | None: ...

    def fill(self, state: TriggerState, position: int) -> Template | None:
        """Take the best candidate for a position that still holds a mask, better or not."""
        ...


@dataclass(frozen=True)
class OnePosition:
    """A step at one random position; subclasses propose its tokens."""

    candidates: int = 10
    is_deterministic: ClassVar[bool]  # true if chance has no part in the tokens

    def tokens(self, state: TriggerState, position: int, rows: Rows) -> Sequence[int]:
        """Return more than enough tokens for the position, the best ones first."""
        raise NotImplementedError

    def __call__(self, state: TriggerState) -> Template | None:
        """Change a random position. If all were tried in vain, fill a mask or end the search."""
        position = state.next_position(self.is_deterministic)
        if position is not None:
            return self._at(state, position, force=False)
        if state.masks:
            return self.fill(state, state.masks[0])
        state.ended = True
        return None

    def fill(self, state: TriggerState, position: int) -> Template | None:
        """Take the best candidate for the position."""
        return self._at(state, position, force=True)

    def _at(self, state: TriggerState, position: int, force: bool) -> Template | None:
        gradient_rows, comparison_rows = state.minibatches.pair()
        tokens = self.tokens(state, position, gradient_rows)
        changed = [state.with_token(position, token) for token in tokens]
        rivals = state.objective.detokenizer.encodable(changed, self.candidates)
        return state.move(rivals, comparison_rows, force)


class HotFlip(OnePosition):
    """The tokens that promise most at one position, by the gradient."""

    is_deterministic = True

    def tokens(self, state: TriggerState, position: int, rows: Rows) -> Sequence[int]:
        """Return those with the smallest slopes on the rows."""
        return state.objective.top_tokens(state.trigger, rows, SPARE * self.candidates)[position]


class RandomStep(OnePosition):
    """Random tokens at one position."""

    is_deterministic = False

    def tokens(self, state: TriggerState, position: int, rows: Rows) -> Sequence[int]:
        """Return usable tokens drawn without replacement."""
        allowed = np.flatnonzero(state.objective.usable)
        count = min(SPARE * self.candidates, len(allowed))
        return [int(token) for token in state.minibatches.rng.choice(allowed, count, replace=False)]


@dataclass(frozen=True)
class Gcg:
    """A random choice of the tokens that promise most at all positions."""

    candidates: int = 32
    top: int = 256  # tokens of a position that are drawn from

    def __call__(self, state: TriggerState) -> Template | None:
        rows, _ = state.minibatches.pair()
        tops = state.objective.top_tokens(state.trigger, rows, self.top)
        pairs = [(position, token) for position, tokens in enumerate(tops) for token in tokens]
        drawn = state.minibatches.rng.permutation(len(pairs))[: SPARE * self.candidates]
        changed = [state.with_token(*pairs[number]) for number in drawn]
        rivals = state.objective.detokenizer.encodable(changed, self.candidates)
        return state.move(rivals, rows, force=True)

    def fill(self, state: TriggerState, position: int) -> Template | None:
        """Take HotFlip's best candidate for the position."""
        return HotFlip(self.candidates).fill(state, position)
