"""Plots in the terminal, by plotext: characters only, so that they can go into a file."""

import shutil
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from promptsearch.errors import RunError
from promptsearch.evaluation.report.statistics.budget_curve import BudgetCurve
from promptsearch.files.packages import install_command

NEWEST, WIDE, HIGH = 6, 88, 15  # the package's first version with this interface; columns, lines
MARKS = "+x*o^v#%"  # of steps or strategies, in their order


def check_plotext() -> None:
    """Raise RunError if plotext is missing, or too old."""
    if find_spec("plotext") is None:
        raise RunError(f"--plots needs plotext: {install_command('report', 'plotext')}")
    if int((installed := version("plotext")).split(".")[0]) < NEWEST:
        raise RunError(
            f"--plots needs a newer plotext than {installed}: "
            f"{install_command('report', 'plotext')}"
        )


def budget_curve_plot(curve: BudgetCurve, title: str) -> str:
    """Return trials by number and value, a mark a group, and the line of the best so far.

    Trials far below the others are on the lower edge.
    """
    figure = _figure(title, HIGH)
    low, high = curve.window
    if curve.best:
        numbers, values = zip(*_steps(curve), strict=True)
        figure.draw(figure.signal(list(numbers), list(values)).lines())
    marks = {group: MARKS[i % len(MARKS)] for i, group in enumerate(curve.groups)}
    for group, mark in marks.items():
        of_group = [point for point in curve.points if point.group == group]
        heights = [max(point.value, low) for point in of_group]
        figure.draw(figure.signal([p.prompt_number for p in of_group], heights, marker=mark))
    figure.ruler("y").lim(low, high)
    figure.ruler("x").lim(0, curve.prompts + 1).ticks(_ticks(curve.prompts))
    legend = "   ".join(f"{mark} {group}" for group, mark in marks.items())
    return f"{_text(figure)}\nline: best so far   {legend}"


def bars(shares: Mapping[str, float], title: str) -> str:
    """Return a bar a name, the first on top; shares are in [0, 1]."""
    figure = _figure(title, 2 * len(shares) + 5)
    figure.ruler("x").lim(0, 1).ticks([0, 0.25, 0.5, 0.75, 1])
    names, values = list(shares)[::-1], list(shares.values())[::-1]
    figure.draw(figure.bar(names, values, orientation="h", width=0.5))
    return _text(figure)


def _figure(title: str, height: int) -> Any:
    import plotext

    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(min(WIDE, shutil.get_terminal_size().columns), height)
    figure.title(title)
    return figure


def _text(figure: Any) -> str:
    drawn: str = figure.build().string(colorless=True)
    figure.clear()
    return "\n".join(line.rstrip() for line in drawn.splitlines())


def _steps(curve: BudgetCurve) -> list[tuple[int, float]]:
    """Return the corners of the line, which stays level until the next improvement."""
    corners = [curve.best[0]]
    for number, value in curve.best[1:]:
        corners += [(number, corners[-1][1]), (number, value)]
    return [*corners, (curve.prompts, corners[-1][1])]


def _ticks(prompts: int) -> list[int]:
    return sorted({1, *(round(prompts * part / 4) for part in range(1, 5))} - {0})
