"""Section on labels: results by label, and confusions."""

from promptsearch.evaluation.report.html import Child, Html, bar, el, section, table
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import count, number
from promptsearch.evaluation.report.prompt_markup import label_html
from promptsearch.evaluation.report.statistics.labels import (
    LabelResult,
    confusion,
    most_confused,
    per_label,
)
from promptsearch.metrics.predictions import Predictions

MANY = 24  # labels; a larger matrix is not read
PAIRS = 12  # of labels confused, shown instead


def labels(inputs: ReportInputs) -> Html | None:
    """Return the section; None without a model, or for facts."""
    if inputs.model_predictions is None or not inputs.kind.has_labels:
        return None
    predictions = inputs.model_predictions.predictions
    caption, header = "Results by label", ("label", "precision", "recall", "F1", "examples")
    rows = (_row(row, inputs) for row in per_label(predictions))
    return section(
        "labels",
        caption,
        el("p", _about(predictions, inputs)),
        table(caption, (*header, "predicted"), rows),
        *_confusions(predictions, inputs),
    )


def _confusions(predictions: Predictions, inputs: ReportInputs) -> list[Html]:
    """Return what labels are taken for, where each row has one: only these are confused."""
    if inputs.kind.label_sets or inputs.kind.has_sentences:
        return []
    many = len(predictions.labels) > MANY
    return [_pairs(predictions) if many else _matrix(predictions)]


def _about(predictions: Predictions, inputs: ReportInputs) -> str:
    where = f"{count(len(predictions.targets), 'example')} of {inputs.split}"
    sentence = (
        f"{inputs.best.id} on {where}. Precision: of those predicted, the share that is right; "
        "recall: of those there are, the share found."
    )
    several = inputs.kind.label_sets or inputs.kind.has_sentences
    if several or len(predictions.labels) > MANY:
        return sentence
    return f"{sentence} In the matrix, shades are shares of the row."


def _row(row: LabelResult, inputs: ReportInputs) -> list[Child]:
    shares = [bar(value, number(value)) for value in (row.precision, row.recall, row.f1)]
    name = label_html(row.label, inputs.best.row.get("verbalizer"))
    return [name, *shares, f"{row.n:,}", f"{row.predicted:,}"]


def _matrix(predictions: Predictions) -> Html:
    """Return the confusion matrix (right, predicted); shades are shares of the row."""
    cells = confusion(predictions)
    caption = "Confusion matrix"
    rows = []
    for row_index, (label, row_counts) in enumerate(
        zip(predictions.labels, cells.tolist(), strict=True)
    ):
        total = max(1, sum(row_counts))
        shaded = (_cell(times, times / total, row_index == i) for i, times in enumerate(row_counts))
        rows.append(el("tr", el("th", label, scope="row"), *shaded))
    names = (el("th", label, scope="col") for label in predictions.labels)
    head = el("tr", el("td", "right \\ predicted"), *names)
    whole = el(
        "table", el("caption", caption), el("thead", head), el("tbody", *rows), class_="confusion"
    )
    return el("div", whole, class_="wide", tabindex=0, role="region", aria_label=caption)


def _cell(times: int, share: float, right: bool) -> Html:
    return el("td", f"{times:,}", class_="hit" if right else "miss", style=f"--share:{share:.4f}")


def _pairs(predictions: Predictions) -> Html:
    rows = [
        [pair.right[0], pair.predicted, f"{pair.times:,}"]
        for pair in most_confused(predictions, PAIRS)
    ]
    return table("Labels most often taken for another", ("right", "predicted", "times"), rows)
