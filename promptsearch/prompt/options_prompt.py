"""Prompts with options from texts: a question, a wording of each label, what they are about."""

from collections.abc import Iterator, Mapping, Sequence

from promptsearch.prompt.options import question_span, wordings
from promptsearch.prompt.parts import Option, Part, Separator
from promptsearch.prompt.prompt import Prompt
from promptsearch.prompt.row_options import EACH_CHOICE, choice_slots
from promptsearch.prompt.template import Template, notation_of
from promptsearch.prompt.verbalizer import Verbalizer

YES, NO = "yes", "no"
CHINESE_YES, CHINESE_NO = "\u662f", "\u975e"  # of UniMC's Chinese models


def yes_and_no(language: str) -> tuple[str, str]:
    """Return the words that answer an option, as published for English and Chinese."""
    return (CHINESE_YES, CHINESE_NO) if language == "zh" else (YES, NO)


def options_prompt(
    options: Mapping[str, str], question: str, passage: str, yes: str = YES, no: str = NO
) -> Prompt:
    """Return the prompt of a wording for each label; all may have fields in braces.

    `passage` is what the question is about, its segments apart by [SEP]; "" for no question.
    Raises PromptError at what is wrong with them.
    """
    slots = choice_slots(len(options))
    parts: list[Part] = []
    for slot, wording in zip(slots, options.values(), strict=True):
        parts += [Option(slot), *Template.parts_of(wording)]
    verbalizer = Verbalizer.of_slots(list(options), slots, yes, no)
    return Prompt(_with_segments(parts, question, passage), verbalizer)


def row_options_template(question: str, passage: str) -> Template:
    """Return the template of the choices of a row as options; all may have fields in braces."""
    return _with_segments([Option(EACH_CHOICE)], question, passage)


def _with_segments(options: Sequence[Part], question: str, passage: str) -> Template:
    """Return the template of options and what follows them; "" for what does not."""
    parts = list(options)
    for segment in (question, passage):
        if segment:
            parts += [Separator(), *Template.parts_of(segment)]
    return Template(tuple(parts))


def option_parts(prompt: Prompt) -> dict[str, Sequence[object]]:
    """Return the parts of each label's option, without its slot."""
    slots, verbalizer = prompt.template.slots, prompt.verbalizer
    by_slot = dict(zip(slots, wordings(prompt.template.parts), strict=True))
    return {label: by_slot[verbalizer.slot_of(label)] for label in verbalizer.labels}


def option_texts(prompt: Prompt) -> dict[str, str]:
    """Return the wording of each label's option, in the notation of templates."""
    return {label: _notation(parts) for label, parts in option_parts(prompt).items()}


def question_of(template: Template) -> str:
    """Return the question of a template with options; "" where it has none.

    It is the segment behind the options, if that has no field and is not the only one.
    """
    start, end = question_span(template.parts)
    return _notation(template.parts[start:end])


def passage_parts(template: Template) -> Sequence[Part]:
    """Return the parts of what the question is about, separators among them."""
    start, end = question_span(template.parts)
    return template.parts[end + 1 if end > start else start :]


def layout_row(prompt: Prompt) -> Iterator[tuple[str, object]]:
    """Yield what files say of a prompt's layout, by name; nothing of one without options."""
    if prompt.verbalizer.no is None:
        return
    if prompt.template.has_options:
        yield "layout", "options"
        if not prompt.template.takes_choices:
            yield "options", option_texts(prompt)
        yield "question", question_of(prompt.template)
    yield "yes", prompt.verbalizer.yes_word
    yield "no", prompt.verbalizer.no


def _notation(parts: Sequence[object]) -> str:
    return "".join(notation_of(part) for part in parts)  # type: ignore[arg-type]
