"""Comparisons of winners with the manual prompt, among a file's prompts or repeated searches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptsearch.data import Dataset, Example, TaskDefinition
from promptsearch.errors import RunError
from promptsearch.evaluation.certificate.crossfit import (
    REPEATS,
    CrossFit,
    FewShotDraw,
    cross_fit,
    few_shot_draws,
)
from promptsearch.evaluation.certificate.repeated_search import (
    Search,
    over_draws,
    over_folds,
    pooled,
)
from promptsearch.evaluation.certificate.score_matrix import ScoreMatrix
from promptsearch.metrics.multi_label_predictions import decided_by
from promptsearch.metrics.predictions import Ints
from promptsearch.prompt import Prompt
from promptsearch.scoring import PromptScorer


@dataclass(frozen=True)
class Design:
    """Design of a comparison: how winners are chosen and scored."""

    metric: str  # keys of `Scores`
    objective: str
    folds: int
    shots: int | None  # rows of each label that choose, again and again; None: folds only
    draws: int
    seed: int


@dataclass(frozen=True)
class Comparison:
    """Scores of the candidates and of the manual prompt, and the winners of all folds and draws."""

    definition: TaskDefinition
    examples: Dataset
    prompts: tuple[Prompt, ...]
    matrix: ScoreMatrix  # of these prompts
    manual: ScoreMatrix  # of one
    fit: CrossFit
    draws: tuple[FewShotDraw, ...]
    repeated: bool  # each winner comes from a separate search

    @property
    def strata(self) -> Ints:
        return self.matrix.strata


def among_candidates(
    prompts: Sequence[Prompt],
    definition: TaskDefinition,
    examples: Dataset,
    scorer: PromptScorer,
    design: Design,
) -> Comparison:
    """Return the comparison whose winners are chosen among the prompts as they are."""
    about = (definition, examples, scorer)
    matrix, manual = score_matrix_of(prompts, *about), score_matrix_of([definition.prompt], *about)
    choose, strata = matrix.choice(design.objective), matrix.strata
    fit = cross_fit(choose, strata, folds=design.folds, repeats=REPEATS, seed=design.seed)
    drawn: list[FewShotDraw] = []
    if design.shots is not None:
        drawn = few_shot_draws(
            choose, strata, shots=design.shots, draws=design.draws, seed=design.seed
        )
    return Comparison(
        definition, examples, tuple(prompts), matrix, manual, fit, tuple(drawn), repeated=False
    )


def among_searched(
    search: Search, definition: TaskDefinition, scorer: PromptScorer, design: Design
) -> Comparison:
    """Return the comparison whose winners come from a new search for each fold and draw."""
    examples = pooled(definition)
    strata = _strata(definition, examples)
    searches = over_folds(definition, search, strata, design.folds, design.seed)
    if design.shots is not None:
        draws = (design.shots, design.draws, design.seed)
        searches += over_draws(definition, search, strata, *draws)
    prompts = tuple(fold.winner for fold in searches)
    about = (definition, examples, scorer)
    matrix, manual = score_matrix_of(prompts, *about), score_matrix_of([definition.prompt], *about)
    chosen = np.empty((1, len(examples)), dtype=np.int64)
    for index, fold in enumerate(searches[: design.folds]):
        chosen[0, fold.rest] = index
    fit = CrossFit(chosen, np.arange(design.folds)[None])
    drawn = (
        FewShotDraw(index, fold.rest)
        for index, fold in enumerate(searches)
        if index >= design.folds
    )
    return Comparison(
        definition, examples, prompts, matrix, manual, fit, tuple(drawn), repeated=True
    )


def score_matrix_of(
    prompts: Sequence[Prompt],
    definition: TaskDefinition,
    examples: Dataset,
    scorer: PromptScorer,
) -> ScoreMatrix:
    """Return the scores of the prompts on the examples."""
    batch = scorer.predict(prompts, examples).predictions
    threshold = 0.0 if definition.threshold == "dev" else definition.threshold
    predictions = [decided_by(each, threshold) for each in batch]
    return ScoreMatrix.of(predictions, definition.kind, definition.negative_label)


def rows_of(definition: TaskDefinition, which: str) -> list[Example]:
    """Return the rows that score: "dev", or "all" of train and dev."""
    return pooled(definition) if which == "all" else list(definition.dev.examples)


def check_rows(
    examples: Dataset, definition: TaskDefinition, design: Design, again: bool = False
) -> None:
    """Raise RunError if there are too few rows for the folds, or none beside the shots.

    A search `again` takes the shots twice, for train and for dev.
    """
    if len(examples) < 2 * design.folds:
        raise RunError(
            f"{len(examples)} rows are too few for {design.folds} folds of two or more; give "
            "`rows` all, or more rows"
        )
    if design.shots is not None:
        _check_shots(examples, definition, design.shots, 2 if again else 1)


def _check_shots(examples: Dataset, definition: TaskDefinition, shots: int, times: int) -> None:
    """Raise RunError if no row of a label remains beside its shots, taken so many times."""
    codes, counts = np.unique(_strata(definition, examples), return_counts=True)
    if (fewest := counts.min()) <= shots * times:
        few = definition.labels[codes[counts.argmin()]] if len(codes) > 1 else definition.name
        beside = "" if times == 1 else " beside train and dev"
        enough = (fewest - 1) // times
        raise RunError(
            f"`shots` {shots}: there are {fewest} rows of {few}, which leaves none to judge"
            f"{beside}; give {f'{enough} or less' if enough else 'more rows'}"
            f"{', or `rows` all' if times == 1 else ''}"
        )


def _strata(definition: TaskDefinition, examples: Dataset) -> Ints:
    """Return (row,): labels as numbers; facts, sets of labels and sentences are all alike."""
    if not definition.kind.labels_rows or definition.kind.label_sets:
        return np.zeros(len(examples), dtype=np.int64)
    return np.array([definition.labels.index(example.targets[0]) for example in examples])
