"""The head of the page: the task, the best prompt and the verdict on it."""

from collections.abc import Mapping
from typing import Any

from promptsearch.evaluation.report.html import Child, Html, el, note
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import (
    cost_text,
    count,
    gain,
    interval,
    number,
    sentence,
)
from promptsearch.evaluation.report.prompt_markup import answers_html, template_html
from promptsearch.metrics import title_of
from promptsearch.prediction.selection import expected_in

Scores = Mapping[str, Any]


def summary(inputs: ReportInputs) -> Html:
    """Return the head of the page."""
    file, best = inputs.file, inputs.best
    model, search = file.section("model"), file.section("search")
    about = [str(model.get("spec") or "a model"), str(search.get("strategy") or "prompts")]
    verbalizer = best.row.get("verbalizer")
    return el(
        "header",
        el("p", " · ".join(["promptsearch report", *about]), class_="kicker"),
        el("h1", inputs.name),
        el("p", sentence(verdict(inputs)), class_="verdict"),
        el(
            "div",
            el("p", el("span", best.id, class_="id"), f" {_which(inputs)}", class_="over"),
            el("p", template_html(best.prompt.template, inputs.language), class_="best"),
            el("p", answers_html(verbalizer)) if isinstance(verbalizer, Mapping) else None,
            class_="card",
        ),
        el("dl", *_tiles(inputs), class_="tiles"),
        *_remarks(inputs),
    )


def _which(inputs: ReportInputs) -> str:
    return "the best prompt on dev" if inputs.selected else "the file's first prompt"


def verdict(inputs: ReportInputs) -> str:
    """Return one sentence on the best prompt's score that claims no more than is known."""
    scores, metric = _scores(inputs, "best"), inputs.share
    if scores is None or metric not in scores:
        return "Nothing was scored: these prompts have no numbers yet."
    score_text = (
        f"{title_of(metric)} {number(scores[metric])} {interval(scores.get('ci95'))}".rstrip()
    )
    examples = count(int(scores["n"]), "example") if "n" in scores else "the examples"
    where = f"on {examples} of {inputs.split}"
    sentence = f"{score_text} {where}"
    if inputs.split == "dev" and inputs.selected:
        return f"{sentence}, which selected this prompt: expect less on new examples."
    difference = scores.get("vs_manual")
    if difference is None and inputs.model_predictions is None:
        return f"{sentence}."  # the file's own scores: nothing was compared
    if not difference or not (difference["n_discordant"] or difference["delta"]):
        return f"{sentence}: no different from the manual prompt."
    low, high = difference["ci95"]
    what = f"{title_of(difference['metric'])} {gain(scores)}"
    if low > 0:
        return f"{sentence}, better than the manual prompt: {what}."
    if high < 0:
        return f"{sentence}, worse than the manual prompt: {what}."
    return f"{sentence}. A difference to the manual prompt is not shown: {what}."


def _scores(inputs: ReportInputs, who: str) -> Scores | None:
    """Return the scores of the best prompt, or of a baseline, on the scored split."""
    first, *others = inputs.ranked_prompts
    rows = [first] if who == "best" else [row for row in others if row.id == who]
    if not rows:
        return None
    return rows[0].dev if inputs.split == "dev" else rows[0].test


def _tiles(inputs: ReportInputs) -> list[Child]:
    metric, split = inputs.share, inputs.split
    best, manual = (_scores(inputs, who) or {} for who in ("best", "manual"))
    spent = inputs.file.section("search").get("spent")
    totals: Mapping[str, Any] = spent if isinstance(spent, Mapping) else {}
    tiles = [
        (f"{title_of(metric)} on {split}", number(best.get(metric)), interval(best.get("ci95"))),
        ("the manual prompt", number(manual.get(metric)), interval(manual.get("ci95"))),
    ]
    expected = (expected_in(inputs.file.document) or {}).get("best") or {}
    if metric in expected:
        ends = interval(expected.get(f"{metric}_ci95"))
        tiles.append(("expected on new rows", number(expected[metric]), ends))
    if "prompts" in totals:
        passes = cost_text(totals, ("forwards", "seconds"))
        tiles.append(("prompts scored on dev", f"{totals['prompts']:,}", passes))
    return [
        el("div", el("dt", name), el("dd", el("strong", value), el("span", more)))
        for name, value, more in tiles
    ]


def _remarks(inputs: ReportInputs) -> list[Child]:
    return [*_about_baselines(inputs), *_about_transfer(inputs), *_about_split(inputs)]


def _about_transfer(inputs: ReportInputs) -> list[Child]:
    """Return a warning if another model was scored than the search's."""
    if not inputs.is_transfer or inputs.model_predictions is None:
        return []
    now, then = inputs.model_predictions.evaluation.scorer.model.info, inputs.file.section("model")
    verb = "were found with" if inputs.selected else "are for"
    selected = ", which selected them" if inputs.selected else ""
    return [
        note(
            f"Transfer: the prompts {verb} {then.get('spec')}{selected}; "
            f"what is said of {inputs.split} here is of {now.spec}."
        )
    ]


def _about_baselines(inputs: ReportInputs) -> list[Child]:
    """Return a warning for each baseline without a prompt that scores higher than the best one."""
    metric, notes = inputs.share, list[Child]()
    best = inputs.ranked_prompts[0].share(inputs.split, metric)
    for row in inputs.ranked_prompts:
        what = _without_prompt(row.row) if row.role == "baseline" else None
        share = row.share(inputs.split, metric)
        if what and best and share and best[0] < share[0]:
            score_text = f"{title_of(metric)} {number(share[0])}"
            notes.append(note(f"{what}, is right more often: {score_text}."))
    return notes


def _without_prompt(row: Mapping[str, Any]) -> str | None:
    """Return what a baseline without a prompt is, as the start of a sentence."""
    if "label" in row:
        return f"Always answering {row['label']!r}, the most frequent answer of train"
    return f"{row['classifier']}, which learned from train" if "classifier" in row else None


def _about_split(inputs: ReportInputs) -> list[Child]:
    if inputs.model_predictions is None:
        return [
            note(
                "Made with --no-evaluate: no model was asked. Results by label, mistakes and "
                "everything about test are left out; the scores are those of the file, on dev"
                f"{', which selected these prompts' * inputs.selected}."
            )
        ]
    if inputs.split == "dev" and inputs.selected:
        but = "All other numbers" if expected_in(inputs.file.document) else "All numbers"
        return [note(f"{but} are of dev, which selected these prompts: they flatter them.")]
    return []
