"""Figures as SVG within a page: text stays text, colours and fonts are the page's.

matplotlib draws with stand-in colours; here they become the page's CSS variables, so that a figure
is as readable in a dark page. The same figure is the same SVG: no dates, no random names.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from promptsearch.errors import RunError
from promptsearch.evaluation.report.html import Html, readable
from promptsearch.files.packages import install_command

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, MUTED, LINE, GROUND = "#010101", "#020202", "#030303", "#040404"
ACCENT, SECOND = "#050505", "#060606"
SERIES = tuple(f"#1{i}1{i}1{i}" for i in range(8))
MARKERS = "osD^vPX*"
_VARIABLES = {
    INK: "currentColor",
    MUTED: "var(--muted)",
    LINE: "var(--line)",
    GROUND: "var(--ground)",
    ACCENT: "var(--accent)",
    SECOND: "var(--second)",
    **{color: f"var(--series-{i})" for i, color in enumerate(SERIES)},
}
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "promptsearch",
    "text.parse_math": False,
    "font.size": 10,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.unicode_minus": True,
    "text.color": INK,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}
_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
WIDTH = 5.2  # inches: as wide as a phone at the figures' own size of letters


class Plot:
    """Figure in the making, drawn on `axes`; `panels` are all of several below one another."""

    def __init__(self, panels: "Sequence[Axes]") -> None:
        self.panels = tuple(panels)
        self.axes = self.panels[0]
        self.tips: dict[str, Sequence[str]] = {}
        self.svg = Html("")

    def points(
        self,
        name: str,
        at: Sequence[tuple[float, float]],
        tips: Sequence[str],
        *,
        color: str,
        size: float,
        marker: str = "o",
        alpha: float | None = None,
        label: str | None = None,
        panel: int = 0,
    ) -> None:
        """Draw points with a tooltip each; `name` is their group's."""
        across, up = [point[0] for point in at], [point[1] for point in at]
        drawn = self.panels[panel].scatter(across, up, size, color, marker=marker)
        drawn.set(gid=name, alpha=alpha, linewidths=0, clip_on=False, zorder=3)
        if label is not None:
            drawn.set_label(readable(label))
        self.tips[name] = tips


def check_installed() -> None:
    """Raise RunError if matplotlib is missing."""
    if find_spec("matplotlib") is None:
        raise RunError(f"a report needs matplotlib: {install_command('report', 'matplotlib')}")


@contextmanager
def plotting(name: str, height: float, text_alternative: str, panels: int = 1) -> Iterator[Plot]:
    """Yield a plot whose `svg` is there at exit; `name` is unique in the page.

    `height` is in inches; panels share what is on their x-axes.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the page has its letters
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        plot = Plot([*figure.subplots(panels, sharex=True, squeeze=False).flat])
        yield plot
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata=dict.fromkeys(_METADATA))
    plot.svg = _inline(file.getvalue(), name, text_alternative, plot.tips)


_METADATA = ("Creator", "Date", "Format", "Type")


def _inline(text: str, name: str, text_alternative: str, tips: dict[str, Sequence[str]]) -> Html:
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _LINK)
    root = ElementTree.fromstring(text)
    for group, lines in tips.items():
        _tip(root, group, lines)
    for element in root.iter():
        _prefix_ids(element, name)
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    root.attrib |= {"role": "img", "aria-label": readable(text_alternative)}
    return Html(ElementTree.tostring(root, encoding="unicode"))


def _tip(root: ElementTree.Element, group: str, lines: Sequence[str]) -> None:
    """Add a title to each of the points that were drawn as one group."""
    uses = root.findall(f".//{{{_SVG}}}g[@id='{group}']//{{{_SVG}}}use")
    for use, line in zip(uses, lines, strict=True):
        ElementTree.SubElement(use, f"{{{_SVG}}}title").text = readable(line)


def _prefix_ids(element: ElementTree.Element, name: str) -> None:
    """Make ids unique to the plot, and set the page's colours and fonts."""
    link = f"{{{_LINK}}}href"
    if "id" in element.attrib:
        element.attrib["id"] = f"{name}-{element.attrib['id']}"
    if link in element.attrib:
        element.attrib[link] = f"#{name}-{element.attrib[link].removeprefix('#')}"
    if "clip-path" in element.attrib:
        element.attrib["clip-path"] = element.attrib["clip-path"].replace("#", f"#{name}-")
    if "style" in element.attrib:
        rules = (rule.strip() for rule in element.attrib["style"].split(";"))
        element.attrib["style"] = "; ".join(_styled(rule) for rule in rules if _is_styling(rule))


def _is_styling(rule: str) -> bool:
    return bool(rule) and not rule.startswith("font")


def _styled(rule: str) -> str:
    key, _, value = rule.partition(": ")
    return f"{key}: {_VARIABLES.get(value, value)}"
