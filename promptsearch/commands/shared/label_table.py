"""Results by label, or by object, as a table in the terminal."""

from dataclasses import dataclass

from promptsearch.commands.shared.console import number
from promptsearch.evaluation.report.inputs import ModelPredictions
from promptsearch.evaluation.report.statistics.labels import per_label
from promptsearch.evaluation.report.statistics.objects import per_object

MOST = 15  # objects


@dataclass(frozen=True)
class LabelTable:
    """Table, and the shares for bars (none of objects that are right once only)."""

    header: tuple[str, ...]
    rows: list[list[str]]
    of: str  # what the bars are
    bars: dict[str, float]
    remark: str = ""


def label_rows(model_predictions: ModelPredictions) -> LabelTable:
    """Return the table of the first prompt, with names in the last column."""
    if model_predictions.evaluation.definition.kind.has_candidates:
        return _objects(model_predictions)
    results = per_label(model_predictions.predictions)
    rows = [
        [*map(number, (result.precision, result.recall, result.f1)), f"{result.n:,}", result.label]
        for result in results
    ]
    header = ("precision", "recall", "f1", "n", "label")
    drawn = {result.label: result.f1 or 0.0 for result in results[:MOST]}
    return LabelTable(header, rows, "F1 by label", drawn)


def _objects(model_predictions: ModelPredictions) -> LabelTable:
    """Return the objects that are right or predicted most often."""
    results = sorted(
        per_object(model_predictions.predictions), key=lambda result: -result.n - result.predicted
    )
    rows = [[number(o.p_at_1), f"{o.n:,}", f"{o.predicted:,}", o.object] for o in results[:MOST]]
    drawn = {result.object: result.p_at_1 or 0.0 for result in results[:MOST] if result.n > 1}
    more = f", the {MOST} most frequent of {len(results)} objects" if len(results) > MOST else ""
    return LabelTable(("p@1", "facts", "said", "object"), rows, "P@1 by object", drawn, more)
