"""Markup of prompts: fields, slots, answers and inputs, distinct from the template's words."""

from collections.abc import Mapping, Sequence
from typing import Any

from promptsearch.data import Example
from promptsearch.errors import PromptError
from promptsearch.evaluation.report.html import Child, Html, el, joined
from promptsearch.evaluation.report.number_format import shortened
from promptsearch.evaluation.report.statistics.word_diff import TemplateChange, Word
from promptsearch.prompt import Field, Input, Prompt, Slot, Template, Text
from promptsearch.prompt.template import notation_of
from promptsearch.prompt.verbalizer import answer_text

LONGEST = 400  # characters of an input that are shown
FIRST = 4  # answers of a label


def template_html(template: Template | str, language: str = "en") -> Html:
    """Return a template with its fields and slots marked; a broken one as text."""
    text = template if isinstance(template, str) else template.described
    try:
        parts = Template.parse(text).parts
    except PromptError:
        return el("code", text, class_="prompt")
    marked_parts = (_marked(notation_of(part), _kind(part)) for part in parts)
    return el("code", *marked_parts, class_="prompt", lang=language)


def words_html(words: Sequence[Word]) -> Html:
    """Return pieces of a template."""
    return joined(_marked(word.text, word.kind) for word in words)


def changes_html(changes: Sequence[TemplateChange], language: str = "en") -> Html:
    """Return a change of templates as deletions and insertions."""
    names = {"gone": "del", "new": "ins"}
    pieces: list[Child] = []
    for change in changes:
        words = words_html(change.words)
        pieces.append(words if change.state == "kept" else el(names[change.state], words))
    return el("code", *pieces, class_="prompt", lang=language)


def filled_html(prompt: Prompt, example: Example, language: str = "en") -> Html:
    """Return a prompt with an example's inputs in it; long ones are cut."""
    pieces: list[Child] = []
    for part in prompt.template.fill(example.inputs, example.choices):
        match part:
            case Input(name, text):
                title = f"{{{name}}}"
                pieces.append(el("span", shortened(text, LONGEST), class_="input", title=title))
            case Slot():
                pieces.append(_marked(notation_of(part), "slot"))
            case Text(text):
                pieces.append(text)
    return el("code", *pieces, class_="prompt", lang=language)


def answers_html(verbalizer: Mapping[str, Any]) -> Html:
    """Return the answers of every label."""
    pairs = [
        el("span", el("span", label, class_="label"), " ", _answers(answers), class_="answers")
        for label, answers in verbalizer.items()
    ]
    return joined(pairs, "  ")


def label_html(label: str, verbalizer: Any) -> Html:
    """Return a label with its first answer, if that differs from the label."""
    answers = verbalizer.get(label) if isinstance(verbalizer, Mapping) else None
    first = answer_texts(answers)[0] if answers else label
    if first.lower() == label.lower():
        return joined([label])
    return joined([label, " ", el("small", f"→ {first}")])


def answer_texts(answers: Any) -> tuple[str, ...]:
    """Return the answers of one label as texts; those of several slots are joined."""
    values = [answers] if isinstance(answers, str) else answers
    return tuple(answer_text(answer, " · ") for answer in values)


def _answers(answers: Any) -> Html:
    texts = answer_texts(answers)
    more = f" +{len(texts) - FIRST}" if len(texts) > FIRST else ""
    return el("span", ", ".join(texts[:FIRST]) + more, class_="answer", title=", ".join(texts))


def _kind(part: object) -> str:
    return "slot" if isinstance(part, Slot) else "field" if isinstance(part, Field) else "text"


def _marked(text: str, kind: str) -> Html:
    return el("span", text, class_=kind) if kind != "text" else joined([text])
