"""The manual prompt of a task file, checked against the columns it may use."""

import re
from collections.abc import Sequence
from pathlib import Path

from promptsearch.data.tables.rows import TableFormat, read_rows
from promptsearch.data.tasks.facts_reader import SUBJECT
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.markup import Markup
from promptsearch.data.tasks.task_file import TaskFile
from promptsearch.errors import PromptError, TaskError, did_you_mean
from promptsearch.prompt import Prompt, Template, Verbalizer


def manual_prompt(task: TaskFile, file: Path) -> Prompt:
    """Return the prompt of a classification task; `TaskError` names the key that is wrong."""
    template = _parsed(task, file)
    if not template.fields:
        raise TaskError(
            f"{file}: template: {task.template!r} has no input field, so every example reads the "
            "same; name an input in braces, such as {text}"
        )
    try:
        prompt = Prompt(template, Verbalizer.of(task.answers, template.slots))
    except PromptError as error:
        raise TaskError(f"{file}: answers: {error}") from None
    _check_labels(task, prompt.verbalizer.labels, file)
    return prompt


def fact_template(task: TaskFile, file: Path) -> Template:
    """Return the template of a fact task: `{subject}` and one slot."""
    template = _parsed(task, file)
    if unknown := [name for name in template.fields if name != SUBJECT]:
        raise _unknown_field(unknown[0], [SUBJECT], file)
    if not template.fields:
        raise TaskError(f"{file}: template: {task.template!r} has no {{subject}}; put it in")
    if len(template.slots) > 1:
        raise TaskError(
            f"{file}: template: {task.template!r} has {len(template.slots)} slots, but a fact's "
            "object is one answer; keep one [Z]"
        )
    return template


def labelled_reader(
    task: TaskFile, prompt: Prompt, layout: TableFormat, paths: Sequence[Path], file: Path
) -> LabelledReader:
    """The reader of every split; `paths` (train and dev) say what the inputs are by default."""
    fields = tuple(prompt.template.fields)
    inputs = task.inputs or _default_inputs(task, fields, layout, paths)
    if task.label in inputs:
        raise TaskError(f"{file}: inputs: {task.label!r} is the label; a template must not see it")
    if unknown := [name for name in fields if name not in inputs]:
        raise _unknown_field(unknown[0], inputs, file)
    return LabelledReader(
        layout=layout,
        label=task.label,
        labels=prompt.verbalizer.labels,
        inputs=inputs,
        needed=frozenset(task.inputs or fields),
        markup=Markup(task.markup),
    )


def _default_inputs(
    task: TaskFile, fields: Sequence[str], layout: TableFormat, paths: Sequence[Path]
) -> tuple[str, ...]:
    """Return every column but the label that is text in every row, so that any template can use it.

    A field of the manual template counts even so: its first bad row is then blamed by name.
    """
    seen: dict[str, int] = {}
    rows = 0
    for path in paths:
        for row in read_rows(path, layout):
            rows += 1
            for name in row.cells:
                seen[name] = seen.get(name, 0) + (row.peek(name) is not None)
    columns = [name for name, full in seen.items() if full == rows or name in fields]
    names = [name for name in (*columns, *task.markup.values()) if name != task.label]
    return tuple(dict.fromkeys(names))


def _parsed(task: TaskFile, file: Path) -> Template:
    try:
        return Template.parse(task.template)
    except PromptError as error:
        raise TaskError(f"{file}: template: {error}") from None


def _check_labels(task: TaskFile, labels: Sequence[str], file: Path) -> None:
    if len(labels) < 2:
        raise TaskError(
            f"{file}: answers: {labels[0]!r} is the only label, so there is nothing to choose; "
            "give every label its answers"
        )
    if task.negative_label is not None and task.negative_label not in labels:
        near = did_you_mean(task.negative_label, labels)
        raise TaskError(
            f"{file}: negative_label: there is no label {task.negative_label!r}{near}; "
            f"the labels are {', '.join(labels)}"
        )


def _unknown_field(name: str, inputs: Sequence[str], file: Path) -> TaskError:
    usable = [each for each in inputs if re.fullmatch(r"\w+", each)]
    unusable = [each for each in inputs if each not in usable]
    hint = (
        f"; give {unusable[0]!r} a name without spaces and signs under [rename] to use it"
        if unusable
        else ""
    )
    return TaskError(
        f"{file}: template: there is no input {{{name}}}{did_you_mean(name, usable)}; "
        f"the inputs are {', '.join(inputs) or 'none'}{hint}"
    )
