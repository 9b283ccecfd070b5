"""Labelled tasks: results by label, and which label is taken for which."""

from promptsearch.metrics import Judgement
from promptsearch.report.figures import count, number
from promptsearch.report.html import Child, Html, el
from promptsearch.report.material import Material
from promptsearch.report.numbers.labels import LabelResult, confusion, most_confused, per_label
from promptsearch.report.prompts import label_shown
from promptsearch.report.sections.parts import bar, section, table

MANY = 24  # labels; a larger matrix is not read
PAIRS = 12  # of labels confused, shown instead


def labels(material: Material) -> Html | None:
    """Nothing where no model was asked, or for facts."""
    if material.examined is None or material.kind == "facts":
        return None
    judged = material.examined.judged
    wide = len(judged.labels) > MANY
    return section(
        "labels",
        "Results by label",
        el(
            "p",
            f"{material.best.id} on {count(len(judged.targets), 'example')} of {material.split}. "
            "Precision: of those predicted, the share that is right; recall: of those there are, "
            "the share found. In the matrix, shades are shares of the row."
            if not wide
            else "the share found.",
        ),
        table(
            "Results by label",
            ("label", "precision", "recall", "F1", "examples", "predicted"),
            (_row(row, material) for row in per_label(judged)),
        ),
        _pairs(judged) if wide else _matrix(judged),
    )


def _row(row: LabelResult, material: Material) -> list[Child]:
    shares = [bar(value, number(value)) for value in (row.precision, row.recall, row.f1)]
    name = label_shown(row.label, material.best.row.get("verbalizer"))
    return [name, *shares, f"{row.n:,}", f"{row.predicted:,}"]


def _matrix(judged: Judgement) -> Html:
    """Rows are what is right, columns what was predicted; shades are shares of the row."""
    cells = confusion(judged)
    caption = "Confusion matrix"
    rows = []
    for place, (label, own) in enumerate(zip(judged.labels, cells.tolist(), strict=True)):
        total = max(1, sum(own))
        shaded = (_cell(times, times / total, place == i) for i, times in enumerate(own))
        rows.append(el("tr", el("th", label, scope="row"), *shaded))
    names = (el("th", label, scope="col") for label in judged.labels)
    head = el("tr", el("td", "right \\ predicted"), *names)
    whole = el(
        "table", el("caption", caption), el("thead", head), el("tbody", *rows), class_="confusion"
    )
    return el("div", whole, class_="wide", tabindex=0, role="region", aria_label=caption)


def _cell(times: int, share: float, right: bool) -> Html:
    return el("td", f"{times:,}", class_="hit" if right else "miss", style=f"--share:{share:.4f}")


def _pairs(judged: Judgement) -> Html:
    rows = [
        [pair.right[0], pair.predicted, f"{pair.times:,}"] for pair in most_confused(judged, PAIRS)
    ]
    return table("Labels most often taken for another", ("right", "predicted", "times"), rows)
