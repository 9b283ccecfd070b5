"""Section on the best prompt's ancestry: from the manual prompt, change by change."""

from collections.abc import Mapping

from promptsearch.errors import PromptError
from promptsearch.evaluation.report.html import Child, Html, el, listed, note, section
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import listing, number
from promptsearch.evaluation.report.prompt_markup import answer_texts, changes_html, template_html
from promptsearch.evaluation.report.statistics.ancestry import Ancestor, ancestry_of
from promptsearch.evaluation.report.statistics.word_diff import (
    AnswerChange,
    answer_changes,
    changes,
)
from promptsearch.metrics import title_of
from promptsearch.prompt import Template
from promptsearch.prompt_file.prompts_json import section_of

TRAINING = ("parameters", "model_parameters", "run")  # stand in the section on the training
TOLD = ("step", "example", "method", *TRAINING)  # evidence that stands elsewhere, or is long
LONGEST = 60  # characters of a piece of evidence


def ancestry(inputs: ReportInputs) -> Html:
    """Return a list from the first ancestor to the best prompt."""
    tree = ancestry_of(inputs.best, inputs.file.prompts, inputs.trials.rows)
    known = {member.id: member for member in tree.members}
    alone = len(tree.members) == 1
    return section(
        "ancestry",
        "Where it came from",
        el("p", _alone(tree.members[-1], inputs)) if alone else None,
        listed(
            (_member(member, known, inputs) for member in tree.members), "ol", class_="ancestry"
        ),
        note(
            f"{listing(tree.lost)}: named as a parent, but neither in the file nor in "
            f"{inputs.trials.path.name} beside it."
        )
        if tree.lost
        else None,
    )


def _alone(ancestor: Ancestor, inputs: ReportInputs) -> str:
    manual = section_of(inputs.file.section("baselines"), "manual").get("template")
    if ancestor.template == manual:
        return "It is the manual prompt: the search found no better one."
    return "It was made at once, not from another prompt."


def _member(ancestor: Ancestor, known: Mapping[str, Ancestor], inputs: ReportInputs) -> Html:
    parents = [known[name] for name in ancestor.parents if name in known and name != ancestor.id]
    metric = inputs.objective
    value = ancestor.scores.get(metric)
    split = "" if ancestor.split == "dev" else " on train"
    score = f"{title_of(metric)} {number(value)}{split}" if value is not None else "not scored"
    head: list[Child] = [el("span", ancestor.id, class_="id"), f" {ancestor.made_by} · {score}"]
    if parents:
        head.append(f" · from {listing([parent.id for parent in parents])}")
    return el(
        "div",
        el("p", *head, class_="over"),
        el("p", _template(ancestor, parents, inputs)),
        *(_answers(change) for change in _changed(ancestor, parents, inputs)),
        _evidence(ancestor),
    )


def _template(ancestor: Ancestor, parents: list[Ancestor], inputs: ReportInputs) -> Html:
    """Return the template as a change of its first parent's, if it has one."""
    if not parents:
        return template_html(ancestor.template, inputs.language)
    try:
        old, new = Template.parse(parents[0].template), Template.parse(ancestor.template)
    except PromptError:  # of a ledger that was edited
        return template_html(ancestor.template, inputs.language)
    return changes_html(changes(old, new, inputs.spaced), inputs.language)


def _changed(
    ancestor: Ancestor, parents: list[Ancestor], inputs: ReportInputs
) -> list[AnswerChange]:
    """Return the answers that are not its first parent's."""
    if inputs.kind.has_candidates or not parents:
        return []
    old, new = (_answers_of(each, inputs) for each in (parents[0], ancestor))
    return list(answer_changes(old, new))


def _answers_of(ancestor: Ancestor, inputs: ReportInputs) -> dict[str, tuple[str, ...]]:
    """Return the prompt's answers, or the manual ones, which the ledger does not repeat."""
    manual = section_of(inputs.file.section("baselines"), "manual")
    verbalizer = ancestor.answers or section_of(manual, "verbalizer")
    return {label: answer_texts(answers) for label, answers in verbalizer.items()}


def _answers(change: AnswerChange) -> Html:
    pieces: list[Child] = [el("span", change.label, class_="label"), " "]
    pieces += [el("del", text) for text in change.gone]
    pieces += [el("ins", text) for text in change.new]
    return el("p", *pieces, class_="answers")


def _evidence(ancestor: Ancestor) -> Html | None:
    """Return the strategy's evidence for the prompt, in short."""
    facts = [str(ancestor.evidence["method"])] if "method" in ancestor.evidence else []
    for key, value in ancestor.evidence.items():
        if key not in TOLD and _is_short(value):
            text = number(value) if isinstance(value, float) else str(value)
            facts.append(f"{key.replace('_', ' ')} {text}")
    return el("p", " · ".join(facts), class_="evidence") if facts else None


def _is_short(value: object) -> bool:
    return isinstance(value, str | int | float) and 0 < len(str(value)) <= LONGEST
