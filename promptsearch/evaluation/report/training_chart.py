"""The chart of a training: the loss on train above the scores on dev, by trained step."""

from collections.abc import Sequence

from promptsearch.evaluation.report.html import Html
from promptsearch.evaluation.report.number_format import number
from promptsearch.evaluation.report.statistics.training_curve import TrainedPrompt, TrainingCurve
from promptsearch.evaluation.report.svg import (
    ACCENT,
    GROUND,
    INK,
    MARKERS,
    MUTED,
    SERIES,
    Plot,
    plotting,
)
from promptsearch.metrics import title_of

HIGH = 3.6  # inches of both panels
LOSS, DEV = 0, 1  # panels


def training_chart(
    name: str, curve: TrainingCurve, metric: str, manual: float | None, text_alternative: str
) -> Html:
    """Return the chart; `name` is unique in the page, `manual` the manual prompt's score on dev."""
    lines = [of_template for t in curve.templates if (of_template := curve.scored(t))]
    with plotting(name, HIGH + 0.17 * (len(lines) // 3), text_alternative, panels=2) as plot:
        _losses(plot, curve)
        for series, checkpoints in enumerate(lines):
            _dev_scores(plot, series, checkpoints, metric, alone=len(lines) == 1)
        axes = plot.panels[DEV]
        if manual is not None:
            axes.axhline(manual, color=INK, lw=1, ls="--", zorder=1, label="manual prompt")
        axes.set_title(f"{title_of(metric)} on dev", color=MUTED)
        axes.set_xlabel("trained steps", loc="left")
        axes.locator_params(axis="x", integer=True)
        for panel in plot.panels:
            panel.grid(axis="y")
            panel.locator_params(axis="y", nbins=4)
            panel.margins(0.04, 0.12)
        axes.set_xlim(left=min(0, axes.get_xlim()[0]))
        if axes.get_legend_handles_labels()[0]:
            axes.figure.legend(loc="outside lower left", ncols=3, handletextpad=0.3)
    return plot.svg


def _losses(plot: Plot, curve: TrainingCurve) -> None:
    plot.axes.set_title("loss on train, the mean since the point before", color=MUTED)
    if not curve.losses:
        return
    plot.axes.plot(*zip(*curve.losses, strict=True), color=MUTED, lw=1.2)
    tips = [f"step {step}: loss {number(loss)}" for step, loss in curve.losses]
    plot.points("losses", curve.losses, tips, color=MUTED, size=14)


def _dev_scores(
    plot: Plot, series: int, checkpoints: Sequence[TrainedPrompt], metric: str, alone: bool
) -> None:
    """Draw the scores of one template's checkpoints; the start is hollow."""
    color = ACCENT if alone else SERIES[series % len(SERIES)]
    marker = MARKERS[series % len(MARKERS)]
    at = [(each.step, each.value) for each in checkpoints if each.value is not None]
    plot.panels[DEV].plot(*zip(*at, strict=True), color=color, lw=1.2)
    label = "checkpoints" if alone else f"template {series + 1}"
    tips = [_tip(each, metric) for each in checkpoints]
    plot.points(
        f"dev-{series}", at, tips, color=color, marker=marker, size=22, label=label, panel=DEV
    )
    if at[0][0] == 0:
        start = "the start, step 0" if series == 0 else None
        plot.panels[DEV].plot(
            *at[0], marker, mfc=GROUND, mec=color, ms=6, zorder=4, clip_on=False, label=start
        )


def _tip(checkpoint: TrainedPrompt, metric: str) -> str:
    step = "the start" if checkpoint.step == 0 else f"step {checkpoint.step}"
    weight = "" if checkpoint.weight is None else f", weight {number(checkpoint.weight)}"
    return f"{checkpoint.id}: {step}, {title_of(metric)} {number(checkpoint.value)}{weight}"
