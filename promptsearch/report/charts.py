"""The charts of a report, each from numbers that are worked out elsewhere."""

from collections.abc import Sequence

from promptsearch.reliability import Bin
from promptsearch.report.figures import name_of, number
from promptsearch.report.html import Html, readable
from promptsearch.report.numbers.course import Course, Point
from promptsearch.report.numbers.relation import Relation
from promptsearch.report.numbers.standing import Standing
from promptsearch.report.plots import (
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

HIGH = 3.0  # inches


def intervals(rows: Sequence[Standing], metric: str, split: str, told: str) -> Html:
    """A line a row, the first on top: the share with its interval; hollow is what dev said."""
    with plotting("intervals", 0.75 + 0.27 * len(rows), told) as plot:
        axes = plot.axes
        for place, row in enumerate(rows):
            own, before = row.share(split, metric), row.share("dev", metric)
            if before is not None:
                axes.plot(before[0], place, "D", mfc=GROUND, mec=SECOND, ms=5, zorder=3)
            if before is not None and own is None and before[1]:
                axes.hlines(place, *before[1], color=SECOND, lw=1.2)
            if own is not None:
                color = INK if row.role == "baseline" else ACCENT
                axes.plot(own[0], place, "o", color=color, ms=6, zorder=4)
                if own[1]:
                    axes.hlines(place, *own[1], color=color, lw=2)
        axes.set_yticks(range(len(rows)), [readable(row.id) for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        axes.locator_params(axis="x", nbins=6)
        axes.set_xlabel(name_of(metric), loc="left")
        _legend_of_intervals(plot, rows, metric, split)
    return plot.svg


def _legend_of_intervals(plot: Plot, rows: Sequence[Standing], metric: str, split: str) -> None:
    judged = any(row.share(split, metric) for row in rows) and split != "dev"
    if judged:
        plot.axes.plot([], [], "o-", color=ACCENT, lw=2, label=f"{split}, 95% interval")
    plot.axes.plot([], [], "D", mfc=GROUND, mec=SECOND, ms=5, label="dev, which selected these")
    plot.axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=2, handletextpad=0.4, borderpad=0
    )


def progress(course: Course, told: str) -> Html:
    """Each trial where it was scored, and the best so far."""
    with plotting("progress", HIGH + 0.17 * (len(course.groups) // 3), told) as plot:
        axes = plot.axes
        steps = [*course.best, (course.prompts, course.best[-1][1])] if course.best else []
        axes.step(*zip(*steps, strict=True), where="post", color=INK, lw=1.4, label="best so far")
        for number_, group in enumerate(course.groups):
            own = [p for p in course.points if p.group == group]
            _trials(plot, number_, [p for p in own if p.complete], course)
            _trials(plot, number_, [p for p in own if not p.complete], course)
        axes.set_ylim(*course.window)
        axes.set_xlim(0, course.prompts + 1)
        axes.locator_params(axis="x", integer=True)
        axes.grid(axis="y")
        axes.set_title(f"{name_of(course.metric)} on dev", color=MUTED)
        axes.set_xlabel("distinct prompts scored on dev", loc="left")
        columns = 3 if max(map(len, course.groups), default=0) < 14 else 2
        plot.axes.figure.legend(loc="outside lower left", ncols=columns, handletextpad=0.3)
    return plot.svg


def _trials(plot: Plot, number_: int, points: Sequence[Point], course: Course) -> None:
    """Points of one group; those far below stand on the edge."""
    if not points:
        return
    complete, group = points[0].complete, points[0].group
    color, marker = SERIES[number_ % len(SERIES)], MARKERS[number_ % len(MARKERS)]
    name = f"trials-{number_}-{'whole' if complete else 'dropped'}"
    plot.axes.scatter(
        [p.place for p in points],
        [max(p.value, course.window[0]) for p in points],
        s=22 if complete else 10,
        marker=marker,
        color=color,
        alpha=0.85 if complete else 0.4,
        linewidths=0,
        zorder=3,
        clip_on=False,
        gid=name,
        label=readable(group) if complete else None,
    )
    ends = "" if complete else ", dropped out"
    plot.tips[name] = [
        f"{p.id}: {name_of(course.metric)} {number(p.value)}, prompt {p.place}, {p.group}{ends}"
        for p in points
    ]


def relation(found: Relation, split: str, told: str) -> Html:
    """A point a prompt, the best on dev marked; on the line both splits say the same."""
    with plotting("relation", HIGH + 0.2, told) as plot:
        axes, (best, *others) = plot.axes, found.pairs
        low = max(min(p.dev for p in found.pairs), min(p.test for p in found.pairs))
        high = min(max(p.dev for p in found.pairs), max(p.test for p in found.pairs))
        if low < high:
            axes.plot([low, high], [low, high], color=LINE, lw=1, zorder=1)
        for name, pairs, color in (("best", [best], SECOND), ("others", others, ACCENT)):
            dev, test = [p.dev for p in pairs], [p.test for p in pairs]
            label = f"{readable(best.id)}, best on dev" if name == "best" else "the others"
            axes.scatter(
                dev, test, s=34, color=color, linewidths=0, zorder=3, gid=name, label=label
            )
            plot.tips[name] = [
                f"{p.id}: {number(p.dev)} on dev, {number(p.test)} on {split}" for p in pairs
            ]
        axes.grid()
        axes.set_title(f"{name_of(found.metric)} on {split}", color=MUTED)
        axes.set_xlabel(f"{name_of(found.metric)} on dev", loc="left")
        axes.margins(0.08)
        axes.locator_params(axis="x", nbins=5)
        plot.axes.figure.legend(loc="outside lower left", ncols=2, handletextpad=0.3)
    return plot.svg


def reliability(bins: Sequence[Bin], told: str) -> Html:
    """Accuracy over what was said, bin by bin; the dot's area grows with the examples."""
    with plotting("reliability", HIGH + 0.4, told) as plot:
        axes = plot.axes
        axes.plot([0, 1], [0, 1], color=LINE, lw=1, zorder=1)
        largest = max(own.n for own in bins)
        for place, own in enumerate(bins):
            at, size = (own.confidence, own.accuracy), 16 + 140 * own.n / largest
            axes.vlines(own.confidence, *own.ci95, color=MUTED, lw=1, zorder=2)
            axes.scatter(*at, s=size, color=ACCENT, linewidths=0, zorder=3, gid=f"bin-{place}")
            plot.tips[f"bin-{place}"] = [f"said {at[0]:.3f}, right {at[1]:.3f} of {own.n}"]
        axes.set_xlim(min(0.5, min(own.confidence for own in bins) - 0.03), 1.03)
        axes.set_ylim(-0.03, 1.05)
        axes.grid()
        axes.set_title("share that is right", color=MUTED)
        axes.set_xlabel("probability of what was predicted", loc="left")
    return plot.svg
