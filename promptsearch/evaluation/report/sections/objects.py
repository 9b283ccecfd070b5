"""Facts: results by object, and what is said for everything."""

from promptsearch.evaluation.report.html import Child, Html, el
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import count, number
from promptsearch.evaluation.report.sections.parts import bar, section, table
from promptsearch.evaluation.report.statistics.labels import most_confused
from promptsearch.evaluation.report.statistics.objects import most_predicted, per_object, uncovered
from promptsearch.metrics.predictions import Predictions

SHOWN = 12  # rows of each table


def objects(material: ReportInputs) -> Html | None:
    """Nothing where no model was asked, or for labelled tasks."""
    if material.examined is None or material.kind != "facts":
        return None
    judged = material.examined.predictions
    return section(
        "objects",
        "Results by object",
        el("p", *_about(judged, material)),
        _most_predicted(judged),
        _by_object(judged),
        _pairs(judged),
    )


def _about(judged: Predictions, material: ReportInputs) -> list[Child]:
    lost, distinct = uncovered(judged), len({judged.labels[i] for i in judged.predicted.tolist()})
    sentence = (
        f"{material.best.id} on {count(len(judged.targets), 'fact')} of {material.split}: "
        f"{count(distinct, 'different answer')} among {count(len(judged.labels), 'candidate')}. "
    )
    if lost:
        sentence += (
            f"{count(lost, 'fact')} cannot be answered right: their objects are no candidates. "
        )
    if any(len(targets) > 1 for targets in judged.targets):
        sentence += "A fact with several right objects counts for each of them below. "
    return [sentence]


def _most_predicted(judged: Predictions) -> Html:
    most_frequent = most_predicted(judged, SHOWN)
    rows = [
        [name, bar(times / most_frequent[0][1], f"{times:,}"), f"{times - wrong:,}", f"{wrong:,}"]
        for name, times, wrong in most_frequent
    ]
    return table("Said most often", ("object", "said", "right", "wrong"), rows)


def _by_object(judged: Predictions) -> Html:
    """P@1 of the most frequent objects, where any is asked for twice."""
    results = [result for result in per_object(judged) if result.n > 1][:SHOWN]
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


def _pairs(judged: Predictions) -> Html | None:
    """Objects most often taken for another, where that happens twice."""
    confused = [pair for pair in most_confused(judged, SHOWN) if pair.times > 1]
    if not confused:
        return None
    rows = [[", ".join(pair.right), pair.predicted, f"{pair.times:,}"] for pair in confused]
    return table("Objects most often taken for another", ("right", "said", "times"), rows)
