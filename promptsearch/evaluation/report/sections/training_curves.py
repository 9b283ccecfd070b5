"""Section on soft prompts: how they were trained, and what their vectors are near to."""

from collections.abc import Iterator, Sequence

from promptsearch.evaluation.report.html import Child, Html, details, el, figure, section, table
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import count, number, percent, sentence
from promptsearch.evaluation.report.prompt_markup import template_html
from promptsearch.evaluation.report.statistics.nearest_tokens import VectorGroup, vector_groups
from promptsearch.evaluation.report.statistics.training_curve import (
    TrainedPrompt,
    TrainingCurve,
    training_curves,
)
from promptsearch.evaluation.report.training_chart import training_chart
from promptsearch.metrics import title_of
from promptsearch.prompt_file.prompts_json import section_of

LONG = 20  # vectors that are listed at once; more open under a summary


def training(inputs: ReportInputs) -> Html | None:
    """Return the section; None if no prompt was trained and no vector's tokens are known."""
    curves = training_curves(inputs.file, inputs.trials.rows, inputs.objective)
    groups = [g for g in vector_groups(inputs.file.prompts[: inputs.top]) if g.nearest]
    if not curves and not groups:
        return None
    parts: list[Child] = []
    for index, curve in enumerate(curves):
        parts += _curve(f"training-{index}", curve, inputs, len(curves) > 1)
    return section("training", "How its vectors were trained", *parts, *_nearest(groups))


def _curve(name: str, curve: TrainingCurve, inputs: ReportInputs, named: bool) -> Iterator[Html]:
    """Yield the chart of a training and, of a mixture, its templates and their weights."""
    manual = _manual_score(inputs)
    caption = "; ".join(_facts(curve, inputs.objective, manual))
    caption = f"{sentence(f'{_name(curve)}: {caption}' if named else caption)}."
    if not curve.scored() and not curve.losses:
        return
    svg = training_chart(name, curve, inputs.objective, manual, caption)
    yield figure(svg, f"{caption}{_start(curve, inputs)}{_trained(curve)}")
    if len(curve.templates) > 1:
        yield _mixture(curve, inputs)


def _manual_score(inputs: ReportInputs) -> float | None:
    manual = section_of(inputs.file.section("baselines"), "manual")
    value = section_of(section_of(manual, "scores"), "dev").get(inputs.objective)
    return float(value) if isinstance(value, int | float) else None


def _name(curve: TrainingCurve) -> str:
    return f"{curve.made_by}, run {curve.run + 1}"


def _facts(curve: TrainingCurve, metric: str, manual: float | None) -> Iterator[str]:
    """Yield what the chart shows, in words."""
    if curve.losses:
        (_, first), (last, loss) = curve.losses[0], curve.losses[-1]
        yield f"loss on train {number(first)} to {number(loss)} over {last} steps"
    if scored := curve.scored():
        best = max(scored, key=_value)
        start = max((_value(each) for each in scored if each.step == 0), default=None)
        begin = "" if start is None else f"{number(start)} at the start, "
        yield (
            f"{title_of(metric)} on dev {begin}{number(best.value)} at best ({best.id}, step "
            f"{best.step})"
        )
    if manual is not None:
        yield f"the manual prompt {number(manual)}"


def _start(curve: TrainingCurve, inputs: ReportInputs) -> str:
    """Return why there is no start, where the whole ledger has none."""
    whole = inputs.trials.exists and not inputs.trials.damaged
    if not whole or any(checkpoint.step == 0 for checkpoint in curve.checkpoints):
        return ""
    return " Its start is a prompt that was scored before."


def _value(checkpoint: TrainedPrompt) -> float:
    return float("-inf") if checkpoint.value is None else checkpoint.value


def _trained(curve: TrainingCurve) -> str:
    """Return how many numbers were trained."""
    if curve.parameters is None:
        return ""
    share = "" if curve.share is None else f", {_small(curve.share)} of the model's"
    return f" {count(curve.parameters, 'number')} trained{share}."


def _small(share: float) -> str:
    """Return a share that may be far below a percent."""
    return percent(share) if share >= 0.001 else f"{100 * share:.2g}%"


def _mixture(curve: TrainingCurve, inputs: ReportInputs) -> Html:
    rows = []
    for index, template in enumerate(curve.templates):
        of_template = [each for each in curve.checkpoints if each.template == template]
        best = max(of_template, key=_value)
        rows.append(
            [
                f"template {index + 1}",
                template_html(template, inputs.language),
                number(of_template[-1].weight),
                f"{number(best.value)} ({best.id}, step {best.step})",
            ]
        )
    header = ("line", "template", "weight at the end", f"best {title_of(inputs.objective)} on dev")
    return table("Templates that were trained together", header, rows)


def _nearest(groups: Sequence[VectorGroup]) -> Iterator[Html]:
    """Yield a table of the nearest tokens for each prompt, and how to read it."""
    for prompt in dict.fromkeys(group.prompt for group in groups):
        of_prompt = [group for group in groups if group.prompt == prompt]
        rows = [row for group in of_prompt for row in _rows(group)]
        caption = f"Tokens nearest to the vectors of {prompt}"
        listed = table(caption, ("vector", "token", "cosine", "length over the token's"), rows)
        yield details(f"{caption} ({len(rows)})", listed) if len(rows) > LONG else listed
    if groups:
        yield el(
            "p",
            "The nearest token is the one of the largest cosine in the model's table of words; "
            "what a vector does need not be what it says.",
        )


def _rows(group: VectorGroup) -> Iterator[Sequence[Child]]:
    for number_in_group, token in enumerate(group.nearest, 1):
        vector = group.notation if group.length == 1 else f"{group.notation} {number_in_group}"
        word = el("span", token.text, class_="word")
        yield vector, word, number(token.cosine), number(token.norm_ratio)
