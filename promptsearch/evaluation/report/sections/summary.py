"""What this is, and the one answer that most readers want."""

from collections.abc import Mapping
from typing import Any

from promptsearch.evaluation.report.html import Child, Html, el
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import (
    count,
    duration,
    gain,
    interval,
    name_of,
    number,
    sentence,
)
from promptsearch.evaluation.report.prompt_markup import answers_shown, template_shown
from promptsearch.evaluation.report.sections.parts import note

Scores = Mapping[str, Any]


def summary(material: ReportInputs) -> Html:
    """The head of the page."""
    file, best = material.file, material.best
    model, search = file.section("model"), file.section("search")
    about = [str(model.get("spec") or "a model"), str(search.get("strategy") or "prompts")]
    verbalizer = best.row.get("verbalizer")
    return el(
        "header",
        el("p", " · ".join(["promptsearch report", *about]), class_="kicker"),
        el("h1", material.name),
        el("p", sentence(verdict(material)), class_="verdict"),
        el(
            "div",
            el("p", el("span", best.id, class_="id"), f" {_which(material)}", class_="over"),
            el("p", template_shown(best.prompt.template, material.language), class_="best"),
            el("p", answers_shown(verbalizer)) if isinstance(verbalizer, Mapping) else None,
            class_="card",
        ),
        el("dl", *_tiles(material), class_="tiles"),
        *_remarks(material),
    )


def _which(material: ReportInputs) -> str:
    return "the best prompt on dev" if material.selected else "the file's first prompt"


def verdict(material: ReportInputs) -> str:
    """What the best prompt is worth, in one sentence that claims no more than is known."""
    scores, metric = _scores(material, "best"), material.share
    if scores is None or metric not in scores:
        return "Nothing was scored: these prompts have no numbers yet."
    worth = f"{name_of(metric)} {number(scores[metric])} {interval(scores.get('ci95'))}".rstrip()
    where = f"on {count(int(scores['n']), 'example')} of {material.split}"
    said = f"{worth} {where}"
    if material.split == "dev" and material.selected:
        return f"{said}, which selected this prompt: expect less on new examples."
    found = scores.get("vs_manual")
    if found is None and material.examined is None:
        return f"{said}."  # the file's own scores: nothing was compared
    if not found or not (found["n_discordant"] or found["delta"]):
        return f"{said}: no different from the manual prompt."
    low, high = found["ci95"]
    what = f"{name_of(found['metric'])} {gain(scores)}"
    if low > 0:
        return f"{said}, better than the manual prompt: {what}."
    if high < 0:
        return f"{said}, worse than the manual prompt: {what}."
    return f"{said}. A difference to the manual prompt is not shown: {what}."


def _scores(material: ReportInputs, who: str) -> Scores | None:
    """Of the best prompt, or of a baseline, on the split that was read."""
    first, *others = material.standings
    rows = [first] if who == "best" else [own for own in others if own.id == who]
    if not rows:
        return None
    return rows[0].dev if material.split == "dev" else rows[0].test


def _tiles(material: ReportInputs) -> list[Child]:
    metric, split = material.share, material.split
    best, manual = (_scores(material, place) or {} for place in ("best", "manual"))
    spent = material.file.section("search").get("spent")
    own: Mapping[str, Any] = spent if isinstance(spent, Mapping) else {}
    tiles = [
        (f"{name_of(metric)} on {split}", number(best.get(metric)), interval(best.get("ci95"))),
        ("the manual prompt", number(manual.get(metric)), interval(manual.get("ci95"))),
    ]
    if own:
        passes = f"{count(int(own['forwards']), 'forward')} · {duration(float(own['seconds']))}"
        tiles.append(("prompts scored on dev", f"{own['prompts']:,}", passes))
    return [
        el("div", el("dt", name), el("dd", el("strong", value), el("span", more)))
        for name, value, more in tiles
    ]


def _remarks(material: ReportInputs) -> list[Child]:
    return [*_about_majority(material), *_about_transfer(material), *_about_split(material)]


def _about_transfer(material: ReportInputs) -> list[Child]:
    """A warning where another model was asked than the one that the search asked."""
    if not material.is_transfer or material.examined is None:
        return []
    now, then = material.examined.evaluation.scorer.model.info, material.file.section("model")
    found = "were found with" if material.selected else "are for"
    selected = ", which selected them" if material.selected else ""
    return [
        note(
            f"Transfer: the prompts {found} {then.get('spec')}{selected}; "
            f"what is said of {material.split} here is of {now.spec}."
        )
    ]


def _about_majority(material: ReportInputs) -> list[Child]:
    """A warning where one fixed answer does better than the best prompt."""
    metric = material.share
    best, always = (_scores(material, who) or {} for who in ("best", "majority"))
    if best.get(metric) is None or best[metric] >= always.get(metric, 0.0):
        return []
    row = next(own.row for own in material.standings if own.id == "majority")
    return [
        note(
            f"Always answering {row['label']!r}, the most frequent answer of train, is right more "
            f"often: {name_of(metric)} {number(always[metric])}."
        )
    ]


def _about_split(material: ReportInputs) -> list[Child]:
    if material.examined is None:
        return [
            note(
                "Made with --no-evaluate: no model was asked. Results by label, mistakes and "
                "everything about test are left out; the scores are those of the file, on dev"
                f"{', which selected these prompts' * material.selected}."
            )
        ]
    if material.split == "dev" and material.selected:
        return [note("All numbers are of dev, which selected these prompts: they flatter them.")]
    return []
