"""The charts of a report, each from numbers that are computed elsewhere."""

from collections.abc import Sequence

from promptsearch.evaluation.report.html import Html, readable
from promptsearch.evaluation.report.number_format import number
from promptsearch.evaluation.report.statistics.budget_curve import BudgetCurve, Point
from promptsearch.evaluation.report.statistics.dev_test_correlation import DevTestCorrelation, Pair
from promptsearch.evaluation.report.statistics.ranking import RankedPrompt
from promptsearch.evaluation.report.svg import (
    ACCENT,
    GROUND,
    INK,
    LINE,
    MARKERS,
    MUTED,
    SECOND,
    SERIES,
    Plot,
    plotting,
)
from promptsearch.metrics import title_of
from promptsearch.metrics.calibration_error import Bin

HIGH = 3.0  # inches
LONG = 14  # letters of a name in a legend of three columns

Share = tuple[float, tuple[float, float] | None]


def intervals(
    rows: Sequence[RankedPrompt], metric: str, split: str, text_alternative: str, dev: str
) -> Html:
    """Return a line a row, the first on top: the share with its interval; dev's is hollow.

    `dev` is the legend's name for its marks.
    """
    with plotting("intervals", 0.75 + 0.27 * len(rows), text_alternative) as plot:
        axes = plot.axes
        for index, row in enumerate(rows):
            share = row.share(split, metric) if split != "dev" else None
            _draw_dev_only(plot, index, row.share("dev", metric), alone=share is None)
            _filled(plot, index, share, INK if row.role == "baseline" else ACCENT)
        axes.set_yticks(range(len(rows)), [readable(row.id) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.locator_params(axis="x", nbins=6)
        axes.set_xlabel(title_of(metric), loc="left")
        if split != "dev":
            axes.plot([], [], "o-", color=ACCENT, lw=2, label=f"{split}, 95% interval")
        axes.plot([], [], "D", mfc=GROUND, mec=SECOND, ms=5, label=dev)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0)
    return plot.svg


def _draw_dev_only(plot: Plot, index: int, share: Share | None, alone: bool) -> None:
    """Draw the share on dev; its interval only if there is no other."""
    if share is None:
        return
    plot.axes.plot(share[0], index, "D", mfc=GROUND, mec=SECOND, ms=5, zorder=3)
    if alone and share[1]:
        plot.axes.hlines(index, *share[1], color=SECOND, lw=1.2)


def _filled(plot: Plot, index: int, share: Share | None, color: str) -> None:
    if share is None:
        return
    plot.axes.plot(share[0], index, "o", color=color, ms=6, zorder=4)
    if share[1]:
        plot.axes.hlines(index, *share[1], color=color, lw=2)


def progress(curve: BudgetCurve, text_alternative: str) -> Html:
    """Return the chart of each trial where it was scored, and the best so far."""
    with plotting("progress", HIGH + 0.17 * (len(curve.groups) // 3), text_alternative) as plot:
        axes = plot.axes
        if curve.best:
            prompts, values = zip(*curve.best, (curve.prompts, curve.best[-1][1]), strict=True)
            axes.step(prompts, values, where="post", color=INK, lw=1.4, label="best so far")
        for series, group in enumerate(curve.groups):
            of_group = [p for p in curve.points if p.group == group]
            _trials(plot, series, [p for p in of_group if p.complete], curve)
            _trials(plot, series, [p for p in of_group if not p.complete], curve)
        axes.set_ylim(*curve.window)
        axes.set_xlim(0, curve.prompts + 1)
        axes.locator_params(axis="x", integer=True)
        axes.grid(axis="y")
        axes.set_title(f"{title_of(curve.metric)} on dev", color=MUTED)
        axes.set_xlabel("distinct prompts scored on dev", loc="left")
        _legend_below(plot, 3 if max(map(len, curve.groups)) < LONG else 2)
    return plot.svg


def _trials(plot: Plot, series: int, points: Sequence[Point], curve: BudgetCurve) -> None:
    """Draw the points of one group; those far below are on the edge."""
    if not points:
        return
    complete, group = points[0].complete, points[0].group
    name = f"trials-{series}-{'whole' if complete else 'dropped'}"
    plot.points(
        name,
        [(p.prompt_number, max(p.value, curve.window[0])) for p in points],
        [_tip(p, curve) for p in points],
        color=SERIES[series % len(SERIES)],
        marker=MARKERS[series % len(MARKERS)],
        size=22 if complete else 10,
        alpha=0.85 if complete else 0.4,
        label=group if complete else f"{group}, dropped out",
    )


def _tip(point: Point, curve: BudgetCurve) -> str:
    value = f"{title_of(curve.metric)} {number(point.value)}"
    dropped = "" if point.complete else ", dropped out"
    return f"{point.id}: {value}, prompt {point.prompt_number}, {point.group}{dropped}"


def _legend_below(plot: Plot, columns: int) -> None:
    plot.axes.figure.legend(loc="outside lower left", ncols=columns, handletextpad=0.3)


def relation(correlation: DevTestCorrelation, split: str, text_alternative: str) -> Html:
    """Return a point a prompt, the best on dev marked; on the line both splits agree."""
    with plotting("relation", HIGH + 0.2, text_alternative) as plot:
        axes, (best, *others) = plot.axes, correlation.pairs
        low = max(min(p.dev for p in correlation.pairs), min(p.test for p in correlation.pairs))
        high = min(max(p.dev for p in correlation.pairs), max(p.test for p in correlation.pairs))
        if low < high:
            axes.plot([low, high], [low, high], color=LINE, lw=1, zorder=1)
        _pairs(plot, "best", [best], split, f"{best.id}, best on dev", SECOND)
        _pairs(plot, "others", others, split, "the others", ACCENT)
        axes.grid()
        axes.set_title(f"{title_of(correlation.metric)} on {split}", color=MUTED)
        axes.set_xlabel(f"{title_of(correlation.metric)} on dev", loc="left")
        axes.margins(0.08)
        axes.locator_params(axis="x", nbins=5)
        _legend_below(plot, 2)
    return plot.svg


def _pairs(
    plot: Plot, name: str, pairs: Sequence[Pair], split: str, label: str, color: str
) -> None:
    tips = [f"{p.id}: {number(p.dev)} on dev, {number(p.test)} on {split}" for p in pairs]
    at = [(p.dev, p.test) for p in pairs]
    plot.points(name, at, tips, color=color, size=34, label=label)


def reliability(bins: Sequence[Bin], text_alternative: str) -> Html:
    """Return accuracy over confidence, bin by bin; a dot's area grows with the examples."""
    with plotting("reliability", HIGH + 0.4, text_alternative) as plot:
        axes = plot.axes
        axes.plot([0, 1], [0, 1], color=LINE, lw=1, zorder=1)
        largest = max(reliability_bin.n for reliability_bin in bins)
        for number, reliability_bin in enumerate(bins):
            at, size = (
                (reliability_bin.confidence, reliability_bin.accuracy),
                16 + 140 * reliability_bin.n / largest,
            )
            axes.vlines(
                reliability_bin.confidence, *reliability_bin.ci95, color=MUTED, lw=1, zorder=2
            )
            tip = f"said {at[0]:.3f}, right {at[1]:.3f} of {reliability_bin.n}"
            plot.points(f"bin-{number}", [at], [tip], color=ACCENT, size=size)
        axes.set_xlim(
            min(0.5, min(reliability_bin.confidence for reliability_bin in bins) - 0.03), 1.03
        )
        axes.set_ylim(-0.03, 1.05)
        axes.grid()
        axes.set_title("share that is right", color=MUTED)
        axes.set_xlabel("probability of what was predicted", loc="left")
    return plot.svg
