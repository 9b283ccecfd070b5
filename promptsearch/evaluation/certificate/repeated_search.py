"""Searches repeated from a part of the rows, each scored on the other rows.

Where a search made its prompts from the rows, or was steered by them, choosing among its prompts
again does not undo that. Only a search that never saw the scoring rows gets an unbiased score.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from promptsearch.data import Example, Split, TaskDefinition
from promptsearch.data.tasks.dev_split import with_dev
from promptsearch.evaluation.certificate.crossfit import folds_of
from promptsearch.evaluation.certificate.splits import few_shots
from promptsearch.metrics.predictions import Ints
from promptsearch.prompt import Prompt

Search = Callable[[TaskDefinition], Prompt]  # gives the prompt that its dev rows chose


@dataclass(frozen=True)
class Fold:
    """Prompt that some rows made and chose, and the rows that score it."""

    winner: Prompt
    rest: Ints


def pooled(definition: TaskDefinition) -> list[Example]:
    """Return the rows of train and dev together, with ids counted from 0."""
    rows = [*definition.train.examples, *definition.dev.examples]
    return [replace(example, id=str(number)) for number, example in enumerate(rows)]


def over_folds(
    definition: TaskDefinition, search: Search, strata: Ints, folds: int, seed: int
) -> list[Fold]:
    """Run one search a fold, from the rows of the other folds."""
    (fold,) = folds_of(strata, folds, 1, seed)
    parts = (np.flatnonzero(fold != out) for out in range(folds))
    return [_searched(definition, search, rows) for rows in parts]


def over_draws(
    definition: TaskDefinition, search: Search, strata: Ints, shots: int, draws: int, seed: int
) -> list[Fold]:
    """Run one search a draw, from `shots` rows of each label for train and as many for dev."""
    rng = np.random.default_rng(seed)
    parts = (few_shots(strata, 2 * shots, rng) for _ in range(draws))
    return [_searched(definition, search, rows) for rows in parts]


def _searched(definition: TaskDefinition, search: Search, chosen: Ints) -> Fold:
    """Run a search on the chosen rows; all others score its winner."""
    rows = pooled(definition)
    winner = search(from_rows(definition, [rows[row] for row in chosen.tolist()]))
    return Fold(winner, np.setdiff1d(np.arange(len(rows)), chosen))


def from_rows(definition: TaskDefinition, rows: Sequence[Example]) -> TaskDefinition:
    """Return the task with these rows alone, split into train and dev as for a task without dev."""
    train, dev = with_dev(rows, definition.prompt.template.fields)
    return replace(
        definition,
        train=Split("train", (), "a part of the rows", train),
        dev=Split("dev", (), "a part of the rows", dev),
        dev_from_train=True,
    )
