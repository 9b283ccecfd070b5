"""HTML as nested calls: a child that is not HTML already is escaped."""

import re
from collections.abc import Iterable, Sequence
from html import escape

VOID = ("meta", "br", "col")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Html(str):
    """Text that is HTML; every other string is a user's until it is escaped."""

    __slots__ = ()


Child = str | None  # None is left out


def readable(text: str) -> str:
    """Return the text without control characters and lone surrogates, which no document may hold.

    >>> readable("a\\0b")
    'a\\ufffdb'
    """
    return _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n"))


def escaped(child: str) -> Html:
    """Return the child as HTML."""
    return child if isinstance(child, Html) else Html(escape(readable(child)))


def joined(children: Iterable[Child], between: str = "") -> Html:
    """Return the children as one; `between` is text."""
    return Html(escaped(between).join(escaped(c) for c in children if c is not None))


def el(name: str, /, *children: Child, **attributes: str | float | None) -> Html:
    """Return one element; `class_` and `data_label` are written class and data-label.

    >>> el("td", "a < b", class_="number")
    '<td class="number">a &lt; b</td>'
    """
    attribute_text = "".join(
        f' {_name(key)}="{escape(readable(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(
        f"<{name}{attribute_text}>"
        if name in VOID
        else f"<{name}{attribute_text}>{joined(children)}</{name}>"
    )


def listed(items: Iterable[Child], name: str = "ul", **attributes: str | float | None) -> Html:
    """Return a list with each child as an item."""
    return el(name, *(el("li", item) for item in items if item is not None), **attributes)


def defined(pairs: Iterable[tuple[str, Child]], **attributes: str | float | None) -> Html:
    """Return a list of terms and their definitions; those without one are left out."""
    pairs_with_text = (el("div", el("dt", term), el("dd", what)) for term, what in pairs if what)
    return el("dl", *pairs_with_text, **attributes)


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


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
