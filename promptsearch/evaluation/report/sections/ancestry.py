"""How the best prompt came about: from the manual one, change by change."""

from collections.abc import Mapping
from typing import Any

from promptsearch.errors import PromptError
from promptsearch.evaluation.report.html import Child, Html, el, listed
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import listing, name_of, number
from promptsearch.evaluation.report.prompt_markup import answer_texts, changes_shown, template_shown
from promptsearch.evaluation.report.sections.parts import note, section
from promptsearch.evaluation.report.statistics.ancestry import Ancestor, ancestry_of
from promptsearch.evaluation.report.statistics.word_diff import AnswerChange, answer_changes, changes
from promptsearch.prompt import Template

TOLD = ("step", "example", "method")  # evidence that stands elsewhere, or is long
LONGEST = 60  # characters of a piece of evidence


def ancestry(material: ReportInputs) -> Html:
    """A list from the first ancestor to the best prompt."""
    found = ancestry_of(material.best, material.file.prompts, material.trials.rows)
    known = {own.id: own for own in found.members}
    alone = len(found.members) == 1
    return section(
        "ancestry",
        "Where it came from",
        el("p", _alone(found.members[-1], material)) if alone else None,
        listed((_member(own, known, material) for own in found.members), "ol", class_="ancestry"),
        note(
            f"{listing(found.lost)}: named as a parent, but neither in the file nor in "
            f"{material.trials.path.name} beside it."
        )
        if found.lost
        else None,
    )


def _alone(own: Ancestor, material: ReportInputs) -> str:
    manual = _section(material.file.section("baselines"), "manual").get("template")
    if own.template == manual:
        return "It is the manual prompt: the search found no better one."
    return "It was made at once, not from another prompt."


def _member(own: Ancestor, known: Mapping[str, Ancestor], material: ReportInputs) -> Html:
    parents = [known[name] for name in own.parents if name in known and name != own.id]
    metric = material.objective
    value = own.scores.get(metric)
    split = "" if own.split == "dev" else " on train"
    score = f"{name_of(metric)} {number(value)}{split}" if value is not None else "not scored"
    head: list[Child] = [el("span", own.id, class_="id"), f" {own.made_by} · {score}"]
    if parents:
        head.append(f" · from {listing([parent.id for parent in parents])}")
    return el(
        "div",
        el("p", *head, class_="over"),
        el("p", _template(own, parents, material)),
        *(_answers(change) for change in _changed(own, parents, material)),
        _evidence(own),
    )


def _template(own: Ancestor, parents: list[Ancestor], material: ReportInputs) -> Html:
    """Beside its first parent, if it has one."""
    if not parents:
        return template_shown(own.template, material.language)
    try:
        old, new = Template.parse(parents[0].template), Template.parse(own.template)
    except PromptError:  # of a ledger that was edited
        return template_shown(own.template, material.language)
    return changes_shown(changes(old, new, material.spaced), material.language)


def _changed(own: Ancestor, parents: list[Ancestor], material: ReportInputs) -> list[AnswerChange]:
    """Answers that are not its first parent's."""
    if material.kind == "facts" or not parents:
        return []
    old, new = (_answers_of(each, material) for each in (parents[0], own))
    return list(answer_changes(old, new))


def _answers_of(own: Ancestor, material: ReportInputs) -> dict[str, tuple[str, ...]]:
    """Its own, or those of the manual prompt, which the ledger does not repeat."""
    manual = _section(material.file.section("baselines"), "manual")
    given = own.answers or _section(manual, "verbalizer")
    return {label: answer_texts(answers) for label, answers in given.items()}


def _answers(change: AnswerChange) -> Html:
    told: list[Child] = [el("span", change.label, class_="label"), " "]
    told += [el("del", text) for text in change.gone]
    told += [el("ins", text) for text in change.new]
    return el("p", *told, class_="answers")


def _evidence(own: Ancestor) -> Html | None:
    """What the strategy noted of it, in short."""
    told = [str(own.evidence["method"])] if "method" in own.evidence else []
    for key, value in own.evidence.items():
        if key not in TOLD and _is_short(value):
            shown = number(value) if isinstance(value, float) else str(value)
            told.append(f"{key.replace('_', ' ')} {shown}")
    return el("p", " · ".join(told), class_="evidence") if told else None


def _is_short(value: object) -> bool:
    return isinstance(value, str | int | float) and 0 < len(str(value)) <= LONGEST


def _section(row: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = row.get(name)
    return value if isinstance(value, Mapping) else {}
