"""A template and a verbalizer of files, put together."""

from collections.abc import Mapping, Sequence

from promptsearch.data import TaskDefinition
from promptsearch.errors import PromptError
from promptsearch.formats.importing.contents import ForeignVerbalizer, ForeignTemplate, Location
from promptsearch.formats.importing.name_binding import Inputs, Labelled, labelled, with_spaces
from promptsearch.language.words import is_spaced
from promptsearch.prompt import Prompt, Template, Verbalizer

TWICE = "a word that stands twice for a label counts once"


def together(one: ForeignTemplate, answers: ForeignVerbalizer) -> bool:
    """Whether the verbalizer is for the template's pattern, where both say which."""
    return not one.pattern or not answers.pattern or one.pattern == answers.pattern


def answers_of_task(task: TaskDefinition) -> ForeignVerbalizer:
    """The manual verbalizer."""
    plain = task.prompt.verbalizer.plain()
    words = tuple(tuple(map(_frozen, own)) for own in plain.values())
    return ForeignVerbalizer(Location(task.file), words, tuple(plain))


def paired(
    one: ForeignTemplate, answers: ForeignVerbalizer, inputs: Inputs, order: Sequence[str]
) -> tuple[Prompt, Sequence[str]]:
    """The prompt, labels in `order`, and what was lost; `DataError` where they do not fit."""
    template = named_here(one, inputs, answers.glued)
    labels = labelled(answers, inputs.given, order)
    words = _by_slot(labels, template)
    lost = [TWICE] if sum(map(len, words.values())) < sum(map(len, labels.values())) else []
    if len(template.slots) > 1:
        lost = []
    try:
        return Prompt(template, Verbalizer.of(words, template.slots)), lost
    except PromptError as error:
        raise answers.place.error(f"{error} (the template is {str(template)!r})") from None


def named_here(one: ForeignTemplate, inputs: Inputs, glued: bool = False) -> Template:
    """The template with our names, and with a space before its slots where the words bring one."""
    template, task = inputs.bound(one), inputs.given.task
    if not template.fields:
        raise one.place.error(
            f"{str(template)!r} has no input, so every example reads the same; add one"
        )
    if not one.spaced or glued or (task and not is_spaced(task.language)):
        return template
    return with_spaces(template)


def _by_slot(labels: Labelled, template: Template) -> Mapping[str, Sequence[object]]:
    """With several slots, a label's list of so many words is one answer, not so many."""
    count = len(template.slots)
    if count > 1 and all(len(o) == count and all(map(_is_text, o)) for o in labels.values()):
        return {label: [list(own)] for label, own in labels.items()}
    return {label: list(dict.fromkeys(own)) for label, own in labels.items()}


def _is_text(answer: object) -> bool:
    return isinstance(answer, str)


def _frozen(answer: object) -> object:
    return tuple(answer) if isinstance(answer, list) else answer
