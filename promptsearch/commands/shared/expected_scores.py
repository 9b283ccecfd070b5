"""What to expect of a search's winner on new rows, in tables and lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from promptsearch.metrics import interval_metric, title_of
from promptsearch.prediction.selection import ensemble_wins, expected_in

HEADER = "expected"
Row = Mapping[str, Any]


def expected_header(document: Row) -> list[str]:
    """Return the header of the column, where the file tells what to expect."""
    return [HEADER] if expected_in(document) else []


def expected_cells(document: Row, row: Row) -> list[str]:
    """Return the cell of a row: of the ensemble, the first prompt or the manual one; else empty.

    Nothing has chosen the manual prompt, so its score on dev is what to expect of it.
    """
    if (expected := expected_in(document)) is None:
        return []
    metric = interval_metric(document["task"]["kind"])
    if row["id"] == "ensemble":
        return [_cell(expected.get("ensemble"), metric)]
    if row.get("id") == "manual" or row.get("is_manual"):
        dev = (row.get("scores") or {}).get("dev") or {}
        return [_cell({metric: dev.get(metric), f"{metric}_ci95": dev.get("ci95")}, metric)]
    is_first = row["id"] == document["prompts"][0]["id"]
    return [_cell(expected.get("best") if is_first else None, metric)]


def expected_lines(document: Row) -> list[str]:
    """Return what to expect of the winner, in a line; or why that cannot be told."""
    expected, search = expected_in(document), document.get("search") or {}
    if expected is None:
        return [_UNTOLD] if search.get("race") is None and _is_young(search) else []
    metric, wins = interval_metric(document["task"]["kind"]), ensemble_wins(document)
    winner = expected["ensemble"] if wins and expected.get("ensemble") else expected["best"]
    name = "the ensemble" if winner is expected.get("ensemble") else document["prompts"][0]["id"]
    over = _gain(winner.get("vs_manual") or {}, metric)
    scores = f"{title_of(metric)} {_cell(winner, metric)}{over}"
    if "log_likelihood" in winner:
        scores += f"; log-likelihood {_cell(winner, 'log_likelihood')}"
    how = f"{winner['n']:,} rows of dev, each answered by a winner that it had no part in choosing"
    return [f"expected of {name} on new rows: {scores} ({how})"]


_UNTOLD = (
    "what to expect on new rows is not known: every row of dev had a part in the choice, so the "
    "scores above are too high; promptsearch certify --again finds out"
)


def _is_young(search: Row) -> bool:
    """Return whether the search was made by a version that tells what to expect, where it can."""
    return "expected" in search


def _cell(scores: Row | None, metric: str) -> str:
    """`0.66 [0.57, 0.74]`"""
    if not scores or scores.get(metric) is None:
        return "-"
    value, interval = scores[metric], scores.get(f"{metric}_ci95")
    return f"{value:.2f}{_in_brackets(interval)}"


def _gain(differences: Row, metric: str) -> str:
    """`, +0.17 [-0.02, +0.36] over the manual prompt`; empty where it is not known."""
    if (delta := differences.get(metric)) is None:
        return ""
    low, high = differences[f"{metric}_ci95"]
    return f", {delta:+.2f} [{low:+.2f}, {high:+.2f}] over the manual prompt"


def _in_brackets(interval: Sequence[float] | None) -> str:
    return f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else ""
