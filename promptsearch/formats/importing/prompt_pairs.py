"""Pairs of a template and a verbalizer of files."""

from collections.abc import Mapping, Sequence

from promptsearch.data import TaskDefinition
from promptsearch.errors import PromptError
from promptsearch.formats.importing.contents import ForeignTemplate, ForeignVerbalizer, Location
from promptsearch.formats.importing.input_names import Inputs, Labelled, labelled, with_spaces
from promptsearch.language.words import is_spaced
from promptsearch.prompt import Prompt, Template, Verbalizer

TWICE = "a word that stands twice for a label counts once"


def together(foreign: ForeignTemplate, answers: ForeignVerbalizer) -> bool:
    """Return whether the verbalizer is for the template's pattern; true if either has none."""
    return not foreign.pattern or not answers.pattern or foreign.pattern == answers.pattern


def answers_of_task(task: TaskDefinition) -> ForeignVerbalizer:
    """Return the task's manual verbalizer."""
    plain = task.prompt.plain_answers
    words = tuple(tuple(map(_frozen, words_of_label)) for words_of_label in plain.values())
    no = task.prompt.verbalizer.no
    return ForeignVerbalizer(Location(task.file), words, tuple(plain), no=no)


def paired(
    foreign: ForeignTemplate, answers: ForeignVerbalizer, inputs: Inputs, order: Sequence[str]
) -> tuple[Prompt, Sequence[str]]:
    """Return the prompt, labels in `order`, and notes on its losses.

    Raises DataError if they do not fit.
    """
    template = named_here(foreign, inputs, answers.glued)
    labels = labelled(answers, inputs.options, order)
    if answers.no is not None:
        return Prompt(template, _yes_no(answers, template, inputs, labels)), ()
    words = _by_slot(labels, template)
    lost = [TWICE] if sum(map(len, words.values())) < sum(map(len, labels.values())) else []
    if len(template.slots) > 1:
        lost = []
    try:
        return Prompt(template, Verbalizer.of(words, template.slots)), lost
    except PromptError as error:
        raise answers.location.error(f"{error} (the template is {template.notation!r})") from None


def _yes_no(
    answers: ForeignVerbalizer, template: Template, inputs: Inputs, labels: Labelled
) -> Verbalizer:
    """Return the verbalizer of labels that have a slot each, in the order of the file."""
    renamed = inputs.options.renamed
    names = [renamed.get(label, label) for label in answers.labels or ()]
    slot_of = dict(zip(names, template.slots, strict=True))
    slots, (yes, *_) = [slot_of[label] for label in labels], answers.answers[0]
    return Verbalizer.of_slots(list(labels), slots, str(yes), answers.no or "")


def named_here(foreign: ForeignTemplate, inputs: Inputs, glued: bool = False) -> Template:
    """Return the template with our names, and with spaces before slots where words bring one."""
    template, task = inputs.bound(foreign), inputs.options.task
    if not template.fields:
        raise foreign.location.error(
            f"{template.notation!r} has no input, so every example reads the same; add one"
        )
    if not foreign.spaced or glued or (task and not is_spaced(task.language)):
        return template
    return with_spaces(template)


def _by_slot(labels: Labelled, template: Template) -> Mapping[str, Sequence[object]]:
    """Return the answers; with several slots, a label's list of as many words is one answer."""
    count = len(template.slots)
    if count > 1 and all(len(o) == count and all(map(_is_text, o)) for o in labels.values()):
        return {label: [list(answers)] for label, answers in labels.items()}
    return {label: list(dict.fromkeys(answers)) for label, answers in labels.items()}


def _is_text(answer: object) -> bool:
    return isinstance(answer, str)


def _frozen(answer: object) -> object:
    return tuple(answer) if isinstance(answer, list) else answer
