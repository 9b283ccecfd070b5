"""Parts that several sections share."""

from collections.abc import Iterable, Sequence

from promptsearch.evaluation.report.html import Child, Html, el


def section(name: str, title: str, *children: Child) -> Html:
    """Return a section that the table of contents links to."""
    heading = el("h2", title, id=f"{name}-title")
    return el("section", heading, *children, id=name, aria_labelledby=f"{name}-title")


def note(*children: Child) -> Html:
    """Return a remark that changes how the numbers beside it are read."""
    return el("p", *children, class_="note")


def figure(svg: Html, caption: str) -> Html:
    """Return a chart with its caption."""
    return el("figure", svg, el("figcaption", caption))


def table(
    caption: str, header: Sequence[Child], rows: Iterable[Sequence[Child]], class_: str = ""
) -> Html:
    """Return a table whose first column names its rows; it scrolls on narrow pages."""
    head = el("tr", *(el("th", cell, scope="col") for cell in header))
    body = (
        el("tr", el("th", row[0], scope="row"), *(el("td", c) for c in row[1:])) for row in rows
    )
    whole = el(
        "table",
        el("caption", caption),
        el("thead", head),
        el("tbody", *body),
        class_=class_ or None,
    )
    return el("div", whole, class_="wide", tabindex=0, role="region", aria_label=caption)


def bar(share: float | None, text: str) -> Html:
    """Return a number with a bar behind it, `share` of its cell's width."""
    if share is None:
        return el("span", text, class_="bar")
    return el("span", text, class_="bar", style=f"--share:{share:.4f}")


def details(summary: str, *children: Child) -> Html:
    """Return content that opens under a summary."""
    return el("details", el("summary", summary), *children)
