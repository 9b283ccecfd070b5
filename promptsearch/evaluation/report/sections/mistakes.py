"""Examples that the best prompt answers wrongly, and what the model would have said by itself."""

from typing import Any

from promptsearch.evaluation.report.html import Child, Html, defined, el, joined, listed
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import count, percent
from promptsearch.evaluation.report.prompt_markup import filled_html, label_shown
from promptsearch.evaluation.report.sections.parts import section
from promptsearch.evaluation.report.statistics.mistakes import Mistake, SlotWords


def mistakes(material: ReportInputs) -> Html | None:
    """Nothing where no model was asked."""
    if material.examined is None:
        return None
    judged = material.examined.predictions
    wrong, listed_mistakes = int((~judged.hits).sum()), material.examined.mistakes
    if not wrong:
        return section("mistakes", "What it gets wrong", el("p", "Nothing, on these examples."))
    examples = count(len(judged.targets), "example")
    first = f"{wrong:,} of {examples} of {material.split} are wrong"
    if len(listed_mistakes) < wrong:
        first += f"; these {len(listed_mistakes)} gave what is right the least probability"
    return section(
        "mistakes",
        "What it gets wrong",
        el("p", f"{first}. {_about_words(material)}"),
        listed(
            (_mistake(mistake, material) for mistake in listed_mistakes), "ol", class_="mistakes"
        ),
    )


def _about_words(material: ReportInputs) -> str:
    """Return what the words at the slot are."""
    assert material.examined is not None
    if not any(mistake.words for mistake in material.examined.mistakes):
        return "The model has no whole words to show at the slot."
    family = material.examined.evaluation.scorer.model.info.family
    sentence = "Top words are what the model finds likeliest at the slot among all its whole words"
    if family == "causal":
        return f"{sentence}, having read only what stands before it."
    return f"{sentence}, whether they are answers or not."


def _mistake(mistake: Mistake, material: ReportInputs) -> Html:
    assert material.examined is not None
    prompt, names = (
        material.examined.evaluation.saved[0].prompt,
        material.best.row.get("verbalizer"),
    )
    right = f" ({percent(mistake.p_right)})" if mistake.p_right is not None else ""
    predicted_share = (
        f" ({percent(mistake.p_predicted)})" if mistake.p_predicted is not None else ""
    )
    return el(
        "div",
        el("p", filled_html(prompt, mistake.example.inputs, material.language)),
        defined(
            [
                (
                    "said",
                    joined(
                        [
                            el("span", label_shown(mistake.predicted, names), class_="wrong"),
                            predicted_share,
                        ]
                    ),
                ),
                ("right", joined([el("span", _right(mistake, names), class_="right"), right])),
                *(_words(words, len(mistake.words) > 1) for words in mistake.words),
            ],
            class_="said",
        ),
    )


def _right(mistake: Mistake, names: Any) -> Html:
    """Return what is right: for facts there may be several objects."""
    return joined((label_shown(target, names) for target in mistake.example.targets), ", ")


def _words(slot_words: SlotWords, several: bool) -> tuple[str, Child]:
    words_shown = [
        el("span", el("span", word, class_="word"), " ", el("small", percent(share)))
        for word, share in slot_words.words
    ]
    return f"top words at [{slot_words.slot}]" if several else "top words", joined(
        words_shown, "  "
    )
