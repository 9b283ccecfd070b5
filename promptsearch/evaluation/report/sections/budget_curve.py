"""Section on the search over its budget."""

from promptsearch.evaluation.report.charts import progress
from promptsearch.evaluation.report.html import Html, figure, note, section
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import count, listing, number
from promptsearch.evaluation.report.statistics.budget_curve import BudgetCurve, budget_curve_of
from promptsearch.evaluation.report.trials import Trials
from promptsearch.metrics import title_of


def budget_curve(inputs: ReportInputs) -> Html:
    """Return a chart of all trials, or notes on missing ones."""
    trials = inputs.trials
    curve = budget_curve_of(trials.rows, inputs.objective)
    return section(
        "search",
        "The search over its budget",
        *map(note, gaps(trials, curve)),
        _chart(curve) if curve.points else None,
        note(
            "The search ranked with faster, less exact scores, which are drawn here; the finalists "
            "were then scored again."
        )
        if curve.ranked
        else None,
    )


def gaps(trials: Trials, curve: BudgetCurve) -> list[str]:
    """Return notes on trials that are missing from the chart, with the reasons."""
    if not trials.exists:
        return [
            f"There is no {trials.path.name} beside the prompts, so the search itself cannot be "
            "shown. Keep the two files together."
        ]
    lost = []
    if trials.damaged:
        lines = listing([str(line) for line in trials.damaged[:5]])
        more = f" and {len(trials.damaged) - 5} more" if len(trials.damaged) > 5 else ""
        lost.append(
            f"{trials.path.name}: line {lines}{more} cannot be read and was left out, so trials "
            "are missing here."
        )
    if not curve.points:
        lost.append(f"{trials.path.name} holds no trial on dev with {title_of(curve.metric)}.")
    return lost


def caption(curve: BudgetCurve) -> str:
    """Return the budget curve as a sentence."""
    if not curve.best:
        return "No prompt was scored on all of dev."
    (_, start), (last, best) = curve.best[0], curve.best[-1]
    if len(curve.best) == 1:
        return f"{count(curve.prompts, 'prompt')}; none beat the first, {number(start)}."
    return (
        f"From {number(start)} to {number(best)} over {count(curve.prompts, 'prompt')}; the last "
        f"improvement was prompt {last}."
    )


def _chart(curve: BudgetCurve) -> Html:
    svg = progress(curve, f"{title_of(curve.metric)} on dev. {caption(curve)}")
    dropped = any(not point.complete for point in curve.points)
    rest = " Small and pale: dropped out of the race, scored on a part of dev." if dropped else ""
    if curve.below:
        rest += f" {count(curve.below, 'point')} at the lower edge lie far below it."
    luck = "The best of many trials on the same examples rises by luck too."
    return figure(svg, f"{caption(curve)}{rest} {luck}")
