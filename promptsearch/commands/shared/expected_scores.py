"""What to expect of a search's winner on new rows, in tables and lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from promptsearch.metrics import METRIC, interval_metric, title_of
from promptsearch.prediction.selection import ensemble_wins, expected_difference, expected_in
from promptsearch.prompt_file.prompts_json import kind_of_document

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
    metric = _metric(document)
    if row["id"] == "ensemble":
        return [_cell(expected.get("ensemble"), metric)]
    if row.get("id") == "manual" or row.get("is_manual"):
        dev = (row.get("scores") or {}).get("dev") or {}
        return [_cell({metric: dev.get(metric), f"{metric}_ci95": dev.get("ci95")}, metric)]
    is_first = row["id"] == _first_id(document)
    return [_cell(expected.get("best") if is_first else None, metric)]


def expected_lines(document: Row) -> list[str]:
    """Return what to expect of the winner, in a line; or why that cannot be told."""
    expected, search = expected_in(document), document.get("search") or {}
    if expected is None:
        if not _is_young(search):
            return []
        return [_UNTOLD if search.get("stopped_because") in _WHOLE else _CUT_SHORT]
    metric, wins = _metric(document), ensemble_wins(document)
    together = expected.get("ensemble") if wins else None
    if not (winner := together or expected.get("best")):
        return []  # it was taken out
    name = "the ensemble" if together else "the best prompt"
    over = _gain(winner.get("vs_manual") or {}, metric)
    scores = f"{title_of(metric)} {_cell(winner, metric)}{over}"
    if "log_likelihood" in winner and metric != "log_likelihood":
        scores += f"; log-likelihood {_cell(winner, 'log_likelihood')}"
    rows = f"{winner['n']:,} rows" if "n" in winner else "rows"
    how = f"{rows} of dev, each answered by the winner of a search that did not see it"
    line = f"expected of {name} on new rows: {scores} ({how})"
    return [line, _NOT_OF_ENSEMBLE] if wins and not together else [line]


def answering(document: Row) -> str:
    """Return with what a file that has an ensemble answers, and why: `; predict answers ...`."""
    best, ensemble = _first_id(document), document["ensemble"]
    if not ensemble_wins(document):
        return f"; predict answers with {best} alone"
    if len(ensemble["members"]) == 1:
        return ""
    expected = expected_in(document) or {}
    where = "surely worse on new rows" if "ensemble_minus_best" in expected else "worse on dev"
    return f"; predict answers with it, as it is not {where} than {best}"


_UNTOLD = (
    "what to expect on new rows is not known: every row of dev had a part in the choice, so the "
    "scores above are too high; promptsearch certify --again finds out"
)
_WHOLE = ("finished", "budget")  # reasons to stop of a search that came to its end
_CUT_SHORT = (
    "what to expect on new rows is not known: the search was cut short, and the scores above, "
    "which chose the prompts, are too high; promptsearch certify --again finds out"
)
_NOT_OF_ENSEMBLE = (
    "what to expect of the ensemble, which answers, is not known: the search tells it of its best "
    "prompt alone; promptsearch evaluate finds out, on a test file"
)


def _metric(document: Row) -> str:
    """Return the metric whose interval is told, by the kind of the task or of the answers.

    Where no texts were written it is log-likelihood; and of what is no mean over rows.
    """
    metric = interval_metric(kind_of_document(document, document["prompts"][0]))
    best = (expected_in(document) or {}).get("best") or {}
    has_rows = METRIC[metric].per_example is not None and not METRIC[metric].needs_texts
    return metric if has_rows or metric in best else "log_likelihood"


def _first_id(document: Row) -> str:
    """Return the first prompt's id as `read_prompts` has it: a row may have none."""
    return str(document["prompts"][0].get("id", "p0"))


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
    if (known := expected_difference(differences, metric)) is None:
        return ""
    delta, (low, high) = known
    return f", {delta:+.2f} [{low:+.2f}, {high:+.2f}] over the manual prompt"


def _in_brackets(interval: Sequence[float] | None) -> str:
    return f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else ""
