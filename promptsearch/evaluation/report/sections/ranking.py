"""The best prompts and the baselines, with intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

from promptsearch.evaluation.report.charts import intervals
from promptsearch.evaluation.report.html import Child, Html, el
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import interval, listing, number, sentence
from promptsearch.evaluation.report.prompt_markup import answers_shown, template_html
from promptsearch.evaluation.report.sections.parts import figure, section
from promptsearch.evaluation.report.statistics.ranking import RankedPrompt
from promptsearch.metrics import title_of


def standing(material: ReportInputs) -> Html:
    """Return a table and the chart of its intervals."""
    rows, metric, split = material.standings, material.share, material.split
    scored_rows = [row for row in rows if row.share("dev", metric) or row.share(split, metric)]
    return section(
        "prompts",
        "Best prompts and baselines",
        el("p", *_about(material)),
        _chart(scored_rows, material) if scored_rows else None,
        _table(material),
    )


def _about(material: ReportInputs) -> list[Child]:
    if not material.selected:
        return ["The prompts stand in the order of the file; no search selected them on dev."]
    first = (
        "The prompts stand in the order in which dev selected them; their scores there are the "
        "best of many and flatter them. "
    )
    if material.split == "dev":
        return [first, "Nothing here was scored on examples that selected nothing."]
    return [
        first,
        f"{material.split.capitalize()} selected nothing: its numbers are the ones to quote, of "
        "the first prompt; the best of these on test would again be a selection.",
    ]


def _chart(rows: Sequence[RankedPrompt], material: ReportInputs) -> Html:
    captions = []
    for row in rows:
        share = row.share(material.split, material.share) or row.share("dev", material.share)
        if share is not None:
            captions.append(f"{row.id} {number(share[0])} {interval(share[1])}".rstrip())
    caption = f"{sentence(title_of(material.share))} with Wilson's 95% intervals."
    dev = "dev, which selected these" if material.selected else "dev"
    whole = f"{caption} {'; '.join(captions)}"
    svg = intervals(rows, material.share, material.split, whole, dev)
    return figure(svg, f"{caption} Hollow: on {dev}.")


def _table(material: ReportInputs) -> Html:
    """Two rows a prompt: itself, then its numbers; roles hold where a phone shows no columns."""
    columns = _columns(material)
    titles = (el("th", title, scope="col", role="columnheader") for title, *_ in columns)
    head = el("thead", el("tr", *titles, role="row"), role="rowgroup")
    bodies = (_body(row, columns, material) for row in material.standings)
    caption = "Scores of the best prompts and of the baselines"
    whole = el("table", el("caption", caption), head, *bodies, class_="standing", role="table")
    return el("div", whole, class_="wide", tabindex=0, role="region", aria_label=caption)


Column = tuple[str, str, str]  # title, split, metric


def _columns(material: ReportInputs) -> list[Column]:
    """Return what counts most comes first."""
    split, metrics = material.split, [material.share, "log_likelihood"]
    if material.objective not in metrics:
        metrics.insert(1, material.objective)
    first, *rest = [(f"{title_of(m)}, {split}", split, m) for m in metrics]
    columns, dev = [first], "dev (selected)" if material.selected else "dev"
    if material.examined is not None:
        columns.append((f"gain over manual{_compared(material)}, {split}", "gain", ""))
    if split != "dev":
        columns.append((f"{title_of(material.share)}, {dev}", "dev", material.share))
    columns += rest
    if split != "dev":
        columns += [(f"{title_of(m)}, {dev}", "dev", m) for m in metrics[1:]]
    return columns


def _compared(material: ReportInputs) -> str:
    """Return the metric that differences are of, where it is not that of the first column."""
    assert material.examined is not None
    scores = material.examined.document["prompts"][0]["scores"][material.split]
    metric = str(scores["vs_manual"]["metric"])
    return "" if metric == material.share else f" in {title_of(metric)}"


def _body(row: RankedPrompt, columns: Sequence[Column], material: ReportInputs) -> Html:
    name = el(
        "th",
        *_named(row, material),
        colspan=len(columns),
        scope="rowgroup",
        role="rowheader",
    )
    cells = (
        el("td", *_cell(row, column, material), role="cell", data_label=column[0])
        for column in columns
    )
    rows = el("tr", name, role="row"), el("tr", *cells, role="row")
    return el("tbody", *rows, class_=row.role, role="rowgroup")


def _named(row: RankedPrompt, material: ReportInputs) -> list[Child]:
    pieces: list[Child] = [el("span", row.id, class_="id"), " "]
    if template := row.row.get("template"):
        pieces.append(template_html(str(template), material.language))
        verbalizer = row.row.get("verbalizer")
        if isinstance(verbalizer, Mapping) and verbalizer != material.best.row.get("verbalizer"):
            pieces += [" ", answers_shown(verbalizer)]
    elif "members" in row.row:
        pieces.append(f"{row.row['rule']} of {listing([str(m['id']) for m in row.row['members']])}")
    elif "label" in row.row:
        pieces.append(f"always {row.row['label']!r}, the most frequent of train")
    tuned: Any = (row.row.get("finetuned") or {}).get("dev")
    if tuned:
        pieces.append(el("small", f" tuned copy on dev: {number(tuned.get(material.objective))}"))
    return pieces


def _cell(row: RankedPrompt, column: Column, material: ReportInputs) -> list[Child]:
    _, split, metric = column
    if split == "gain":
        scores = row.dev if material.split == "dev" else row.test
        return _gain(scores or {})
    share = row.share(split, metric)
    ends = interval(share[1]) if share and metric == material.share else ""
    return [number(share[0] if share else None), el("small", f" {ends}") if ends else None]


def _gain(scores: Mapping[str, Any]) -> list[Child]:
    """The paired difference; nothing for the manual prompt itself, which the search may keep."""
    difference = scores.get("vs_manual")
    if not difference or not (difference["delta"] or difference["n_discordant"]):
        return ["–"]
    ends = interval(difference["ci95"], signed=True)
    return [number(difference["delta"], signed=True), el("small", f" {ends}")]
