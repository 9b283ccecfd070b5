"""Section on the best prompts and the baselines, with intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

from promptsearch.evaluation.report.charts import intervals
from promptsearch.evaluation.report.html import Child, Html, el, figure, section
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import interval, listing, number, sentence
from promptsearch.evaluation.report.prompt_markup import answers_html, template_html
from promptsearch.evaluation.report.statistics.ranking import RankedPrompt
from promptsearch.metrics import title_of
from promptsearch.prediction.ensemble_text import summed_remark
from promptsearch.prompt_file.prompts_json import template_text


def ranking(inputs: ReportInputs) -> Html:
    """Return a table and the chart of its intervals."""
    rows, metric, split = inputs.ranked_prompts, inputs.share, inputs.split
    scored_rows = [row for row in rows if row.share("dev", metric) or row.share(split, metric)]
    return section(
        "prompts",
        "Best prompts and baselines",
        el("p", *_about(inputs)),
        _chart(scored_rows, inputs) if scored_rows else None,
        _table(inputs),
    )


def _about(inputs: ReportInputs) -> list[Child]:
    if not inputs.selected:
        return ["The prompts stand in the order of the file; no search selected them on dev."]
    first = (
        "The prompts stand in the order in which dev selected them; their scores there are the "
        "best of many and flatter them. "
    )
    if inputs.split == "dev":
        return [first, "Nothing in this table was scored on examples that selected nothing."]
    return [
        first,
        f"{inputs.split.capitalize()} selected nothing: its numbers are the ones to quote, of "
        "the first prompt; the best of these on test would again be a selection.",
    ]


def _chart(rows: Sequence[RankedPrompt], inputs: ReportInputs) -> Html:
    captions = []
    for row in rows:
        share = row.share(inputs.split, inputs.share) or row.share("dev", inputs.share)
        if share is not None:
            captions.append(f"{row.id} {number(share[0])} {interval(share[1])}".rstrip())
    caption = f"{sentence(title_of(inputs.share))} with Wilson's 95% intervals."
    dev = "dev, which selected these" if inputs.selected else "dev"
    whole = f"{caption} {'; '.join(captions)}"
    svg = intervals(rows, inputs.share, inputs.split, whole, dev)
    return figure(svg, f"{caption} Hollow: on {dev}.")


def _table(inputs: ReportInputs) -> Html:
    """Return two rows a prompt: itself, then its numbers.

    Roles keep the table's structure where a phone shows no columns.
    """
    columns = _columns(inputs)
    titles = (el("th", title, scope="col", role="columnheader") for title, *_ in columns)
    head = el("thead", el("tr", *titles, role="row"), role="rowgroup")
    bodies = (_body(row, columns, inputs) for row in inputs.ranked_prompts)
    caption = "Scores of the best prompts and of the baselines"
    whole = el("table", el("caption", caption), head, *bodies, class_="standing", role="table")
    return el("div", whole, class_="wide", tabindex=0, role="region", aria_label=caption)


Column = tuple[str, str, str]  # title, split, metric


def _columns(inputs: ReportInputs) -> list[Column]:
    """Return the columns, the most important first."""
    split, metrics = inputs.split, [inputs.share, "log_likelihood"]
    if inputs.objective not in metrics:
        metrics.insert(1, inputs.objective)
    first, *rest = [(f"{title_of(m)}, {split}", split, m) for m in metrics]
    columns, dev = [first], "dev (selected)" if inputs.selected else "dev"
    if inputs.model_predictions is not None:
        columns.append((f"gain over manual{_compared(inputs)}, {split}", "gain", ""))
    if split != "dev":
        columns.append((f"{title_of(inputs.share)}, {dev}", "dev", inputs.share))
    columns += rest
    if split != "dev":
        columns += [(f"{title_of(m)}, {dev}", "dev", m) for m in metrics[1:]]
    return columns


def _compared(inputs: ReportInputs) -> str:
    """Return the metric that differences are of, if it is not the first column's."""
    assert inputs.model_predictions is not None
    scores = inputs.model_predictions.document["prompts"][0]["scores"][inputs.split]
    metric = str(scores["vs_manual"]["metric"])
    return "" if metric == inputs.share else f" in {title_of(metric)}"


def _body(row: RankedPrompt, columns: Sequence[Column], inputs: ReportInputs) -> Html:
    name = el(
        "th",
        *_named(row, inputs),
        colspan=len(columns),
        scope="rowgroup",
        role="rowheader",
    )
    cells = (
        el("td", *_cell(row, column, inputs), role="cell", data_label=column[0])
        for column in columns
    )
    rows = el("tr", name, role="row"), el("tr", *cells, role="row")
    return el("tbody", *rows, class_=row.role, role="rowgroup")


def _named(row: RankedPrompt, inputs: ReportInputs) -> list[Child]:
    pieces: list[Child] = [el("span", row.id, class_="id"), " "]
    if template := template_text(row.row):
        pieces.append(template_html(template, inputs.language))
        verbalizer = row.row.get("verbalizer")
        if isinstance(verbalizer, Mapping) and verbalizer != inputs.best.row.get("verbalizer"):
            pieces += [" ", answers_html(verbalizer)]
    elif "members" in row.row:
        members = listing([str(m["id"]) for m in row.row["members"]])
        pieces.append(f"{row.row['rule']} of {members}{summed_remark(row.row, '; ')}")
    elif "label" in row.row:
        pieces.append(f"always {row.row['label']!r}, the most frequent of train")
    elif "classifier" in row.row:
        pieces.append(f"{row.row['classifier']}, which learned from train")
    tuned: Any = (row.row.get("finetuned") or {}).get("dev")
    if tuned:
        pieces.append(el("small", f" tuned copy on dev: {number(tuned.get(inputs.objective))}"))
    return pieces


def _cell(row: RankedPrompt, column: Column, inputs: ReportInputs) -> list[Child]:
    _, split, metric = column
    if split == "gain":
        scores = row.dev if inputs.split == "dev" else row.test
        return _gain(scores or {})
    share = row.share(split, metric)
    ends = interval(share[1]) if share and metric == inputs.share else ""
    return [number(share[0] if share else None), el("small", f" {ends}") if ends else None]


def _gain(scores: Mapping[str, Any]) -> list[Child]:
    """Return the paired difference.

    There is none for the manual prompt itself, which the search may keep.
    """
    difference = scores.get("vs_manual")
    if not difference or not (difference["delta"] or difference["n_discordant"]):
        return ["–"]
    ends = interval(difference["ci95"], signed=True)
    return [number(difference["delta"], signed=True), el("small", f" {ends}")]
