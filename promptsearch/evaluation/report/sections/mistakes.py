"""Section on the best prompt's mistakes, with the model's likeliest words."""

from typing import Any

from promptsearch.data.kinds.multi_label import NO_LABEL
from promptsearch.evaluation.report.html import Child, Html, defined, el, joined, listed, section
from promptsearch.evaluation.report.inputs import ReportInputs
from promptsearch.evaluation.report.number_format import count, percent
from promptsearch.evaluation.report.prompt_markup import filled_html, label_html
from promptsearch.evaluation.report.statistics.mistakes import Mistake, SlotWords


def mistakes(inputs: ReportInputs) -> Html | None:
    """Return the section; None without a model."""
    if inputs.model_predictions is None:
        return None
    predictions = inputs.model_predictions.predictions
    wrong, listed_mistakes = int((~predictions.hits).sum()), inputs.model_predictions.mistakes
    if not wrong:
        return section("mistakes", "What it gets wrong", el("p", "Nothing, on these examples."))
    examples = count(len(predictions.targets), "example")
    first = f"{wrong:,} of {examples} of {inputs.split} are wrong"
    if len(listed_mistakes) < wrong:
        first += f"; these {len(listed_mistakes)} gave what is right the least probability"
    return section(
        "mistakes",
        "What it gets wrong",
        el("p", f"{first}. {_about_words(inputs)}"),
        listed((_mistake(mistake, inputs) for mistake in listed_mistakes), "ol", class_="mistakes"),
    )


def _about_words(inputs: ReportInputs) -> str:
    """Return what the words at the slot are."""
    assert inputs.model_predictions is not None
    if inputs.model_predictions.evaluation.saved[0].prompt.template.takes_choices:
        return "The model says yes or no at each choice."
    if not any(mistake.words for mistake in inputs.model_predictions.mistakes):
        return "The model has no whole words to show at the slot."
    family = inputs.model_predictions.evaluation.scorer.model.info.family
    sentence = "Top words are what the model finds likeliest at the slot among all its whole words"
    if family == "causal":
        return f"{sentence}, having read only what stands before it."
    return f"{sentence}, whether they are answers or not."


def _mistake(mistake: Mistake, inputs: ReportInputs) -> Html:
    assert inputs.model_predictions is not None
    prompt, names = (
        inputs.model_predictions.evaluation.saved[0].prompt,
        inputs.best.row.get("verbalizer"),
    )
    right = f" ({percent(mistake.p_right)})" if mistake.p_right is not None else ""
    predicted_share = (
        f" ({percent(mistake.p_predicted)})" if mistake.p_predicted is not None else ""
    )
    return el(
        "div",
        el("p", filled_html(prompt, mistake.example, inputs.language)),
        defined(
            [
                (
                    "said",
                    joined(
                        [
                            el("span", label_html(mistake.predicted, names), class_="wrong"),
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
    """Return the right answers: for facts there may be several objects."""
    targets = mistake.example.targets or (NO_LABEL,)
    return joined((label_html(target, names) for target in targets), ", ")


def _words(slot_words: SlotWords, several: bool) -> tuple[str, Child]:
    likeliest = [
        el("span", el("span", word, class_="word"), " ", el("small", percent(share)))
        for word, share in slot_words.words
    ]
    return f"top words at [{slot_words.slot}]" if several else "top words", joined(likeliest, "  ")
