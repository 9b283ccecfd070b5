"""Examples that the best prompt answers wrongly, and what the model would have said by itself."""

from typing import Any

from promptsearch.evaluation.report.html import Child, Html, defined, el, joined, listed
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import count, percent
from promptsearch.evaluation.report.prompt_markup import filled_shown, label_shown
from promptsearch.evaluation.report.sections.parts import section
from promptsearch.evaluation.report.statistics.mistakes import Mistake, SlotWords


def mistakes(material: ReportInputs) -> Html | None:
    """Nothing where no model was asked."""
    if material.examined is None:
        return None
    judged = material.examined.predictions
    wrong, shown = int((~judged.hits).sum()), material.examined.mistakes
    if not wrong:
        return section("mistakes", "What it gets wrong", el("p", "Nothing, on these examples."))
    examples = count(len(judged.targets), "example")
    first = f"{wrong:,} of {examples} of {material.split} are wrong"
    if len(shown) < wrong:
        first += f"; these {len(shown)} gave what is right the least probability"
    return section(
        "mistakes",
        "What it gets wrong",
        el("p", f"{first}. {_about_words(material)}"),
        listed((_mistake(own, material) for own in shown), "ol", class_="mistakes"),
    )


def _about_words(material: ReportInputs) -> str:
    """What the words at the slot are."""
    assert material.examined is not None
    if not any(own.words for own in material.examined.mistakes):
        return "The model has no whole words to show at the slot."
    family = material.examined.evaluation.scorer.model.info.family
    said = "Top words are what the model finds likeliest at the slot among all its whole words"
    if family == "causal":
        return f"{said}, having read only what stands before it."
    return f"{said}, whether they are answers or not."


def _mistake(own: Mistake, material: ReportInputs) -> Html:
    assert material.examined is not None
    prompt, names = (
        material.examined.evaluation.saved[0].prompt,
        material.best.row.get("verbalizer"),
    )
    right = f" ({percent(own.p_right)})" if own.p_right is not None else ""
    said = f" ({percent(own.p_predicted)})" if own.p_predicted is not None else ""
    return el(
        "div",
        el("p", filled_shown(prompt, own.example.inputs, material.language)),
        defined(
            [
                (
                    "said",
                    joined([el("span", label_shown(own.predicted, names), class_="wrong"), said]),
                ),
                ("right", joined([el("span", _right(own, names), class_="right"), right])),
                *(_words(words, len(own.words) > 1) for words in own.words),
            ],
            class_="said",
        ),
    )


def _right(own: Mistake, names: Any) -> Html:
    """What is right: for facts there may be several objects."""
    return joined((label_shown(target, names) for target in own.example.targets), ", ")


def _words(own: SlotWords, several: bool) -> tuple[str, Child]:
    told = [
        el("span", el("span", word, class_="word"), " ", el("small", percent(share)))
        for word, share in own.words
    ]
    return f"top words at [{own.slot}]" if several else "top words", joined(told, "  ")
