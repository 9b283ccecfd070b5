"""Inputs and labels of other tools by the task's names.

Named inputs are bound by their names. Formats that count their inputs (text_a, sent_0), and
verbalizers that are lists, go by position; a note says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from promptsearch.data import TaskDefinition, did_you_mean
from promptsearch.errors import listed
from promptsearch.formats.importing.contents import (
    ForeignTemplate,
    ForeignVerbalizer,
    ImportOptions,
)
from promptsearch.prompt import Field, Part, Slot, Template, Text

Labelled = Mapping[str, tuple[object, ...]]


@dataclass(frozen=True)
class Inputs:
    """Mapping from a format's inputs to ours."""

    options: ImportOptions
    positions: tuple[str, ...]  # the format's names, in the order that it counts

    def bound(self, foreign: ForeignTemplate) -> Template:
        """Return the template with our names.

        Raises DataError if an input is none of the task's.
        """
        names = {field: self.name(foreign, field) for field in foreign.template.fields}
        if len(set(names.values())) < len(names):
            raise foreign.location.error(
                f"two inputs of {foreign.template.notation!r} would be one; name each with `inputs`"
            )
        parts = foreign.template.parts
        named = (Field(names[part.name]) if isinstance(part, Field) else part for part in parts)
        return replace(foreign.template, parts=tuple(named))

    def name(self, foreign: ForeignTemplate, theirs: str) -> str:
        """Return our name of an input: the user's, the task's, the one by position, or theirs."""
        ours = self.options.fields.get(theirs, self._counted(theirs))
        task = self.options.task
        if task is not None and ours not in task.inputs:
            raise foreign.location.error(
                f"the input {theirs!r} is none of {task.name}'s{did_you_mean(theirs, task.inputs)};"
                f" say which with `inputs` {theirs}=NAME: {', '.join(task.inputs)}"
            )
        return ours

    def _counted(self, theirs: str) -> str:
        """Return the name by name, else by position: a task may well have an input text_a."""
        task, known = self.options.task, self.options.inputs
        if theirs not in self.positions or (task and not known and theirs in task.inputs):
            return theirs
        position, known = (
            self.positions.index(theirs),
            known or (counted_inputs(task) if task else ()),
        )
        return known[position] if position < len(known) else theirs


def counted_inputs(task: TaskDefinition) -> tuple[str, ...]:
    """Return the inputs as formats count them: those of the manual template first."""
    used = [name for name in task.inputs if name in task.prompt.template.fields]
    return tuple(dict.fromkeys((*used, *task.inputs)))


def labelled(foreign: ForeignVerbalizer, options: ImportOptions, order: Sequence[str]) -> Labelled:
    """Return the answers by label, in `order` where there is one.

    Raises DataError if they do not fit.
    """
    if foreign.labels is None:
        return dict(zip(_positions(foreign, order), foreign.answers, strict=True))
    names = [options.renamed.get(label, label) for label in foreign.labels]
    if len(set(names)) < len(names):
        raise foreign.location.error("two labels have one name now; correct `labels`")
    answers = dict(zip(names, foreign.answers, strict=True))
    if missing := [label for label in order if label not in answers]:
        raise foreign.location.error(
            f"there are no words for the label {missing[0]!r}{did_you_mean(missing[0], names)}; "
            f"the file has {listed(names)}: say which is which with `labels` THEIRS=OURS,..."
        )
    if more := [name for name in names if order and name not in order]:
        raise foreign.location.error(
            f"there are words for the label {more[0]!r}, but the labels are {listed(order)}; "
            "say which is which with `labels` THEIRS=OURS,..."
        )
    return {label: answers[label] for label in order} if order else answers


def _positions(foreign: ForeignVerbalizer, order: Sequence[str]) -> Sequence[str]:
    count = len(foreign.answers)
    if not order:
        raise foreign.location.error(
            f"it names no labels for its {count} lists of words; name them in their order with "
            "`labels` A,B,... or `task`"
        )
    if len(order) != count:
        raise foreign.location.error(
            f"it has words for {count} labels, but there are {len(order)}: {listed(order)}; "
            "give `labels` in the order of the file"
        )
    return order


def with_spaces(template: Template) -> Template:
    """Return the template with a space before each slot that directly follows something."""
    parts: list[Part] = []
    for part in template.parts:
        if isinstance(part, Slot) and parts and not _ends_in_space(parts[-1]):
            parts.append(Text(" "))
        parts.append(part)
    return replace(template, parts=tuple(parts))


def _ends_in_space(part: Part) -> bool:
    return isinstance(part, Text) and part.text[-1].isspace()
