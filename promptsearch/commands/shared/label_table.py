"""Results by label, or by object, as the terminal shows them."""

from dataclasses import dataclass

from promptsearch.commands.shared.console import number
from promptsearch.evaluation.report.inputs import ModelPredictions
from promptsearch.evaluation.report.statistics.labels import per_label
from promptsearch.evaluation.report.statistics.objects import per_object

MOST = 15  # objects


@dataclass(frozen=True)
class LabelTable:
    """A table, and the shares that bars stand for (of objects that are right once only, none)."""

    header: tuple[str, ...]
    rows: list[list[str]]
    of: str  # what the bars are
    bars: dict[str, float]
    remark: str = ""


def label_rows(examined: ModelPredictions) -> LabelTable:
    """Of the first prompt; names stand last, as tables have it."""
    if examined.evaluation.definition.kind == "facts":
        return _objects(examined)
    found = per_label(examined.predictions)
    rows = [
        [*map(number, (own.precision, own.recall, own.f1)), f"{own.n:,}", own.label]
        for own in found
    ]
    header = ("precision", "recall", "f1", "n", "label")
    drawn = {own.label: own.f1 or 0.0 for own in found[:MOST]}
    return LabelTable(header, rows, "F1 by label", drawn)


def _objects(examined: ModelPredictions) -> LabelTable:
    """The objects asked for or said most often."""
    found = sorted(per_object(examined.predictions), key=lambda own: -own.n - own.predicted)
    rows = [[number(o.p_at_1), f"{o.n:,}", f"{o.predicted:,}", o.object] for o in found[:MOST]]
    drawn = {own.object: own.p_at_1 or 0.0 for own in found[:MOST] if own.n > 1}
    more = f", the {MOST} most frequent of {len(found)} objects" if len(found) > MOST else ""
    return LabelTable(("p@1", "facts", "said", "object"), rows, "P@1 by object", drawn, more)
