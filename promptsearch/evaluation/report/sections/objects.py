"""Section on facts: results by object, and the objects predicted most often."""

from promptsearch.evaluation.report.html import Child, Html, bar, el, section, table
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import count, number
from promptsearch.evaluation.report.statistics.labels import most_confused
from promptsearch.evaluation.report.statistics.objects import most_predicted, per_object, uncovered
from promptsearch.metrics.predictions import Predictions

SHOWN = 12  # rows of each table


def objects(inputs: ReportInputs) -> Html | None:
    """Return the section; None without a model, or without facts."""
    if inputs.model_predictions is None or not inputs.kind.has_subject:
        return None
    predictions = inputs.model_predictions.predictions
    return section(
        "objects",
        "Results by object",
        el("p", *_about(predictions, inputs)),
        _most_predicted(predictions),
        _by_object(predictions),
        _pairs(predictions),
    )


def _about(predictions: Predictions, inputs: ReportInputs) -> list[Child]:
    lost, distinct = (
        uncovered(predictions),
        len({predictions.labels[i] for i in predictions.predicted.tolist()}),
    )
    sentence = (
        f"{inputs.best.id} on {count(len(predictions.targets), 'fact')} of {inputs.split}: "
        f"{count(distinct, 'different answer')} among "
        f"{count(len(predictions.labels), 'candidate')}. "
    )
    if lost:
        sentence += (
            f"{count(lost, 'fact')} cannot be answered right: their objects are no candidates. "
        )
    if any(len(targets) > 1 for targets in predictions.targets):
        sentence += "A fact with several right objects counts for each of them below. "
    return [sentence]


def _most_predicted(predictions: Predictions) -> Html:
    most_frequent = most_predicted(predictions, SHOWN)
    rows = [
        [name, bar(times / most_frequent[0][1], f"{times:,}"), f"{times - wrong:,}", f"{wrong:,}"]
        for name, times, wrong in most_frequent
    ]
    return table("Said most often", ("object", "said", "right", "wrong"), rows)


def _by_object(predictions: Predictions) -> Html:
    """Return P@1 of the most frequent objects, if any is right twice."""
    results = [result for result in per_object(predictions) if result.n > 1][:SHOWN]
    if not results:
        return el("p", "Every object is right once only, so P@1 by object would be 0 or 1.")
    rows = [
        [
            result.object,
            bar(result.p_at_1, number(result.p_at_1)),
            f"{result.n:,}",
            f"{result.predicted:,}" if result.candidate else "no candidate",
        ]
        for result in results
    ]
    return table("P@1 of the most frequent objects", ("object", "P@1", "facts", "said"), rows)


def _pairs(predictions: Predictions) -> Html | None:
    """Return the objects most often confused; None if no confusion happens twice."""
    confused = [pair for pair in most_confused(predictions, SHOWN) if pair.times > 1]
    if not confused:
        return None
    rows = [[", ".join(pair.right), pair.predicted, f"{pair.times:,}"] for pair in confused]
    return table("Objects most often taken for another", ("right", "said", "times"), rows)
