"""Tables for papers, pages and programs: LaTeX, Markdown and CSV."""

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence

from promptsearch.commands.shared.terminal_text import in_one_line

Cell = str | int | float | tuple[float, float] | None  # a pair is an interval
Rows = Sequence[Sequence[Cell]]

_MARKDOWN = re.compile(r"[\\`*_<>|\[\]~&#$!]|^\s|\s$|\s\s")  # what is no plain text there
_LATEX = {
    **{sign: f"\\{sign}" for sign in "{}$&#_%"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\char96{}",
    '"': r"\char34{}",
    "[": "{[}",  # no argument of the line's end before it
    "*": "{*}",
}
_LIGATURE = re.compile(r"([-',])(?=\1)")  # two of them print as a dash or as a quotation mark


def markdown_table(header: Sequence[str], rows: Rows) -> str:
    """Return a table of GitHub's Markdown; numbers have three decimals."""
    rules = ["---:" if right else "---" for right in _is_right(rows)]
    lines = [header, rules, *([_number(cell) or _markdown(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def latex_table(header: Sequence[str], rows: Rows) -> str:
    """Return a plain `tabular`, which needs no package; numbers have three decimals."""
    columns = "".join("r" if right else "l" for right in _is_right(rows))
    head = [_latex(name) for name in header]
    body = [[_latex_number(cell) or _latex(cell) for cell in row] for row in rows]
    lines = [f"{' & '.join(line)} \\\\" for line in (head, *body)]
    return "\n".join(
        [
            f"\\begin{{tabular}}{{{columns}}}",
            *("\\hline", lines[0], "\\hline", *lines[1:], "\\hline"),
            "\\end{tabular}",
        ]
    )


def csv_table(header: Sequence[str], rows: Rows) -> str:
    """Return CSV with whole numbers; an interval is two columns, `NAME_low` and `NAME_high`."""
    intervals = [
        any(isinstance(cell, tuple) for cell in column) for column in zip(*rows, strict=True)
    ]
    names = [
        f"{name}{end}"
        for name, is_interval in zip(header, intervals, strict=True)
        for end in (("_low", "_high") if is_interval else ("",))
    ]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        pairs = zip(row, intervals, strict=True)
        writer.writerow([plain for cell, is_interval in pairs for plain in _csv(cell, is_interval)])
    return file.getvalue().removesuffix("\n")


FORMATS: Mapping[str, Callable[[Sequence[str], Rows], str]] = {
    "markdown": markdown_table,
    "latex": latex_table,
    "csv": csv_table,
}


def _is_right(rows: Rows) -> list[bool]:
    """Return for each column whether it is of numbers, which stand at its right."""
    return [not any(isinstance(cell, str) for cell in column) for column in zip(*rows, strict=True)]


def _number(cell: Cell) -> str:
    """Return a number or an interval with three decimals, a dash for none; "" for text."""
    match cell:
        case None:
            return "-"
        case int():
            return str(cell)
        case float():
            return f"{cell:.3f}"
        case low, high:
            return f"[{low:.3f}, {high:.3f}]"
    return ""


def _markdown(cell: object) -> str:
    """Return text as it is, or as code where Markdown would read signs of its own in it."""
    text = in_one_line(str(cell))
    if not _MARKDOWN.search(text):
        return text
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, pad = "`" * (longest + 1), " " if re.search("^[` ]|[` ]$", text) else ""
    bars = text.replace("|", "\\|")  # in a table's code, too
    return f"{fence}{pad}{bars}{pad}{fence}"


def _latex(cell: object) -> str:
    text = "".join(_LATEX.get(sign, sign) for sign in in_one_line(str(cell)))
    return re.sub("(?<= ) |^ | $", r"\\ ", _LIGATURE.sub(r"\1{}", text))


def _latex_number(cell: Cell) -> str:
    return "--" if cell is None else _number(cell).replace("[", "{[}").replace("-", "$-$")


def _csv(cell: Cell, is_interval: bool) -> Sequence[object]:
    if is_interval:
        return cell if isinstance(cell, tuple) else ("", "")
    return [in_one_line(cell) if isinstance(cell, str) else "" if cell is None else cell]
