"""Rows with log p by promptsearch, which a program compares with its results."""

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np

from promptsearch.data import Dataset, Example
from promptsearch.formats.export import ExportRequest
from promptsearch.metrics.predictions import Floats
from promptsearch.prediction.ensemble import member_log_probs
from promptsearch.scoring import PromptScorer, Scorer
from promptsearch.scoring.calibration import CalibratedScorer
from promptsearch.scoring.combination import combine

ROWS = 5
WIDTH = 60  # characters of a short row
LABELS = 3  # the likeliest of each row
DIGITS = 6

ExpectedRow = tuple[dict[str, str], dict[str, float]]  # columns, log p of labels


def expected_rows(request: ExportRequest, scorer: Scorer) -> list[ExpectedRow]:
    """Return rows of dev (or train) with log p of their likeliest labels; none without a task."""
    if request.task is None:
        return []
    kind, dev, train = request.kind, request.task.dev.examples, request.task.train.examples
    examples = short_examples((*kind.training_rows(dev), *kind.training_rows(train)))
    log_probs = label_log_probs(request, scorer, examples)
    return [
        ({field: example.inputs[field] for field in request.inputs}, _likeliest(request, row))
        for example, row in zip(examples, log_probs, strict=True)
    ]


def label_log_probs(request: ExportRequest, scorer: Scorer, examples: Dataset) -> Floats:
    """Return (example, label) log p by the prompt, or by the ensemble."""
    prompts = [saved.prompt for saved in request.prompts]
    log_probs = member_log_probs(prompts, examples, _calibrated(request, scorer), scorer)
    if request.ensemble is None:
        single: Floats = log_probs[0].astype(np.float64)
        return single
    return combine(log_probs, request.ensemble.weights, request.ensemble.rule)


def _calibrated(request: ExportRequest, scorer: Scorer) -> PromptScorer:
    """Return the scorer, calibrated with the priors of the file if it has some."""
    if request.settings.calibration == "none":
        return scorer
    calibrated = CalibratedScorer(scorer, scorer, request.settings.calibration, [])
    for saved in request.prompts:
        prior = saved.row["prior"]
        assert isinstance(prior, Mapping), "`program_prompts` has checked it"
        calibrated.set_prior(saved.prompt, prior)
    return calibrated


def short_examples(examples: Sequence[Example]) -> list[Example]:
    """Return the first short rows; if there are too few, also the shortest of the others."""
    size = {id(example): sum(map(len, example.inputs.values())) for example in examples}
    return sorted(examples, key=lambda example: max(size[id(example)], WIDTH))[:ROWS]


def _likeliest(request: ExportRequest, log_probs: Floats) -> dict[str, float]:
    order = np.argsort(-log_probs, kind="stable")[:LABELS]
    return {
        request.labels[i]: round(float(log_probs[i]), DIGITS)
        for i in order
        if isfinite(log_probs[i])
    }
