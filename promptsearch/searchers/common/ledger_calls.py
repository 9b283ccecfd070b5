"""Model calls of a strategy that a run makes once: a resumed run reads them from its ledger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, TypeVar

from promptsearch.engine import ModelCall
from promptsearch.engine.ledger import digest
from promptsearch.engine.strategy import Score

Item = TypeVar("Item")
Rows = tuple[int, ...]


def ledgered(
    score: Score,
    work: str,
    prepare: Callable[[], ModelCall],
    inputs: object = None,
    rows: Sequence[object] = (),
) -> Any:
    """Return what the model call gives, as JSON values; `prepare` runs if no ledger has it.

    Its key is `work`, followed by a digest of the `repr` of the inputs and rows if there are any.
    Both must stay as they are: a run that an earlier version began looks for the keys it wrote.
    """
    key = work if inputs is None else f"{work} {digest(inputs, rows)}"
    return score.once(key, prepare)


@dataclass
class LedgeredValues(Generic[Item]):
    """Numbers of items on training rows, each computed once in a search."""

    score: Score
    work: str  # begins the ledger key
    model_call: Callable[[list[Item], Rows], ModelCall]  # gives a number for each item
    in_key: Callable[[Item], object]  # the part of an item that the ledger key depends on
    _known: dict[tuple[Item, Rows], float] = field(default_factory=dict)

    def of(self, items: Sequence[Item], rows: Rows = ()) -> list[float]:
        """Return a number for each item; those not known yet are computed together."""
        new = [item for item in dict.fromkeys(items) if (item, rows) not in self._known]
        if new:
            prepare = partial(self.model_call, new, rows)
            values = ledgered(self.score, self.work, prepare, list(map(self.in_key, new)), rows)
            self._known |= {(item, rows): v for item, v in zip(new, values, strict=True)}
        return [self._known[item, rows] for item in items]
