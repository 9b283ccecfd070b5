"""Rows with what promptsearch says of them, for a program to compare itself with."""

from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np

from promptsearch.data import Dataset, Example
from promptsearch.formats.export import ExportRequest
from promptsearch.metrics.predictions import Floats
from promptsearch.prediction.combination import combine
from promptsearch.prediction.ensemble import member_log_probs
from promptsearch.scoring import PromptScorer, Scorer
from promptsearch.scoring.calibration import CalibratedScorer

ROWS = 5
WIDTH = 60  # characters that a row had better not have more of
SHOWN = 3  # labels: the likeliest of each row

Row = tuple[Mapping[str, str], Mapping[str, float]]


def expected_rows(given: ExportRequest, scorer: Scorer) -> list[Row]:
    """Some rows of dev (or train), and log p of their likeliest labels; none without a task."""
    if given.task is None:
        return []
    examples = _chosen((*given.task.dev.examples, *given.task.train.examples))
    rows = zip(examples, label_log_probs(given, scorer, examples), strict=True)
    return [({f: e.inputs[f] for f in given.inputs}, _likeliest(given, own)) for e, own in rows]


def label_log_probs(given: ExportRequest, scorer: Scorer, examples: Dataset) -> Floats:
    """(example, label): log p of the prompt, or of the ensemble, by our own scorer."""
    prompts = [saved.prompt for saved in given.prompts]
    said = member_log_probs(prompts, examples, _judge(given, scorer), scorer)
    if given.ensemble is None:
        own: Floats = said[0].astype(np.float64)
        return own
    return combine(said, given.ensemble.weights, given.ensemble.rule)


def _judge(given: ExportRequest, scorer: Scorer) -> PromptScorer:
    """The scorer, without the priors that the file has."""
    if given.settings.calibration == "none":
        return scorer
    calibrated = CalibratedScorer(scorer, scorer, given.settings.calibration, [])
    for saved in given.prompts:
        prior = saved.row["prior"]
        assert isinstance(prior, Mapping), "`members_of` has looked"
        calibrated.set_prior(saved.prompt, prior)
    return calibrated


def _chosen(examples: Sequence[Example]) -> list[Example]:
    """The first short rows, and where there are too few the shortest others."""
    size = {id(example): sum(map(len, example.inputs.values())) for example in examples}
    return sorted(examples, key=lambda example: max(size[id(example)], WIDTH))[:ROWS]


def _likeliest(given: ExportRequest, log_probs: Floats) -> dict[str, float]:
    order = np.argsort(-log_probs, kind="stable")[:SHOWN]
    return {given.labels[i]: float(log_probs[i]) for i in order if isfinite(log_probs[i])}
