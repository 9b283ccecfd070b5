"""The manual prompt in tables: where it is one of the listed prompts, both are one row."""

from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]  # of prompts.json, or of a document of `evaluate`


def with_manual(prompts: Sequence[Row], manual: Row | None) -> tuple[list[Row], list[Row]]:
    """Return the rows of the prompts, and the row `manual` unless one of them is that prompt.

    The id of such a one is `p0 (manual)`, and its `is_manual` is true.
    """
    if manual is None:
        return list(prompts), []
    rows = [_marked(row) if is_manual(row, manual) else row for row in prompts]
    listed = any("is_manual" in row for row in rows)
    return rows, [] if listed else [{**manual, "id": "manual"}]


def is_manual(row: Row, manual: Row) -> bool:
    """Return whether a row has the template and the answers of the manual prompt, and no more."""
    is_text = row.get("template") == manual.get("template") and not row.get("soft")
    return bool(is_text and _answers(row) == _answers(manual))


def _marked(row: Row) -> Row:
    return {**row, "id": f"{row.get('id')} (manual)", "is_manual": True}


def _answers(row: Row) -> object:
    """Return the answers of a row in one notation: a label's only answer is a list, too."""
    if not isinstance(verbalizer := row.get("verbalizer"), Mapping):
        return row.get("candidates")
    return {
        label: [answers] if isinstance(answers, str) else answers
        for label, answers in verbalizer.items()
    }
