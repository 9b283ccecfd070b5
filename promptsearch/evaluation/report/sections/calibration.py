"""Section on calibration: whether probabilities are shares, and the prior that was removed."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from promptsearch.evaluation.report.charts import reliability as chart
from promptsearch.evaluation.report.html import Html, bar, el, figure, section, table
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import number, percent
from promptsearch.metrics.calibration_error import BINS, reliability_bins

CLOSE = 0.02  # between mean confidence and accuracy


def reliability(inputs: ReportInputs) -> Html | None:
    """Return the section; None without both a diagram and a calibration."""
    parts = [part for part in (_diagram(inputs), _calibration(inputs)) if part is not None]
    return (
        section("reliability", "Are its probabilities to be believed?", *parts) if parts else None
    )


def _diagram(inputs: ReportInputs) -> Html | None:
    """Return the reliability diagram; None for facts, or if no label probabilities are kept."""
    model_predictions = inputs.model_predictions
    if (
        model_predictions is None
        or not inputs.kind.has_labels
        or model_predictions.predictions.log_probs is None
    ):
        return None
    confidence = np.exp(model_predictions.predictions.log_probs.max(1))
    bins = reliability_bins(confidence, model_predictions.predictions.hits)
    scores = model_predictions.document["prompts"][0]["scores"][inputs.split]
    mean, right = float(confidence.mean()), float(model_predictions.predictions.hits.mean())
    lean = "about as sure as it should be"
    if abs(mean - right) > CLOSE:
        lean = "surer than it should be" if mean > right else "less sure than it could be"
    caption = (
        f"ECE {number(scores.get('ece'))} over {BINS} bins (0 is best): on average it says "
        f"{number(mean)} and is right {number(right)} of the time, so it is {lean}. On the line, "
        "what it says is what happens; the dots grow with the examples."
    )
    return figure(chart(bins, caption), caption)


def _calibration(inputs: ReportInputs) -> Html | None:
    """Return the method, and the best prompt's prior where labels have one each."""
    method = inputs.file.section("scoring").get("calibration")
    if method in (None, "none"):
        return None
    paragraph = el("p", f"Scores are calibrated ({method}): each prompt's prior was taken away.")
    prior = inputs.best.row.get("prior")
    if not isinstance(prior, Mapping) or not inputs.kind.has_labels:
        return paragraph
    rows = [[label, *_prior(value)] for label, value in prior.items()]
    return el(
        "div", paragraph, table("What the best prompt says of nothing", ("label", "prior"), rows)
    )


def _prior(value: Any) -> list[Html]:
    """Return the prior of a label, or of its answers together."""
    share = float(np.exp(np.logaddexp.reduce(np.atleast_1d(np.array(value, dtype=np.float64)))))
    return [bar(min(1.0, share), percent(share))]
