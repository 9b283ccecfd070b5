"""Prompts as a class of PET's `pvp.py`."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from promptsearch.errors import ExportError
from promptsearch.files.write import write_atomic
from promptsearch.formats.export import ExportRequest
from promptsearch.formats.pet.expression_values import PatternString
from promptsearch.formats.pet.patterns import joined
from promptsearch.formats.shared.export_checks import TEXTS, no_ensemble, renaming_note, text_names
from promptsearch.prompt import Field, Part, Slot, Template, Text
from promptsearch.prompt_file.prompts_json import SavedPrompt

Names = Mapping[str, str]  # our input -> the expression that stands for it
CODE = '''\
"""Patterns and verbalizers for PET, https://github.com/timoschick/pet, written by promptsearch.

Import this module in pet/tasks.py, where a processor of the same TASK_NAME must be too.
"""

from typing import List

from pet.pvp import PVP, PVPS
from pet.utils import InputExample


class {name}(PVP):
    TASK_NAME = {task!r}
    VERBALIZERS = {{
{verbalizers}
    }}

    def get_parts(self, example: InputExample):
{inputs}
{patterns}
        raise ValueError("No pattern implemented for id {{}}".format(self.pattern_id))

    def verbalize(self, label) -> List[str]:
        return {name}.VERBALIZERS[self.pattern_id][label]


PVPS[{name}.TASK_NAME] = {name}
'''


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a class with a pattern a prompt. Raises ExportError if one has several slots."""
    no_ensemble(request, "PET")
    for saved in request.prompts:
        if len(saved.prompt.template.slots) > 1:
            raise ExportError(
                f"{saved.id}: PET has one answer a pattern, but the template has "
                f"{len(saved.prompt.template.slots)} slots; openprompt and python hold that"
            )
    names = text_names(request, "pet")
    inputs = {
        ours: _expression(theirs, index) for index, (ours, theirs) in enumerate(names.items())
    }
    write_atomic(into, _code(request, inputs))
    moved = [note for saved in request.prompts for note in _moved(saved)]
    single_token_note = "PET takes words of one token only; it says so when it starts"
    return [*renaming_note(names), *moved, single_token_note]


def _expression(theirs: str, index: int) -> tuple[str, str]:
    """Return a variable of an input, and its value."""
    if theirs in TEXTS:
        return theirs, f"example.{theirs}"
    return f"meta_{index}", f"example.meta[{theirs!r}]"


def _code(request: ExportRequest, inputs: Mapping[str, tuple[str, str]]) -> str:
    variables = {name: variable for name, (variable, _) in inputs.items()}
    lines = [
        f"        {variable} = self.shortenable({value})" for variable, value in inputs.values()
    ]
    verbalizers = [
        f"        {number}: {saved.prompt.plain_answers!r},"
        for number, saved in enumerate(request.prompts)
    ]
    patterns = [
        f"        if self.pattern_id == {number}:\n            return [{', '.join(parts)}], []"
        for number, parts in enumerate(_parts(saved, variables) for saved in request.prompts)
    ]
    return CODE.format(
        task=request.name,
        name=_class_name(request.name),
        verbalizers="\n".join(verbalizers),
        inputs="\n".join(lines),
        patterns="\n".join(patterns),
    )


def _class_name(task: str) -> str:
    """Return an identifier made of the task's name."""
    words = re.findall(r"[A-Za-z0-9]+", task)
    name = "".join(word[0].upper() + word[1:] for word in words)
    return f"{name if name[:1].isalpha() else 'Task' + name}PVP"


def _parts(saved: SavedPrompt, variables: Names) -> Iterator[str]:
    """Yield the parts as PET lists them, without the spaces that PET puts there itself."""
    for part in listed(saved.prompt.template.parts):
        match part:
            case Text(text):
                yield repr(text)
            case Field(name):
                yield variables[name]
            case Slot():
                yield "self.mask"


def listed(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield the parts without a space at a text's end, or a single one at its beginning."""
    last = len(parts) - 1
    for index, part in enumerate(parts):
        if not isinstance(part, Text):
            yield part
            continue
        text = part.text
        if index < last:
            text = text.removesuffix(" ")
        if index and re.match(r" (?!\s)", text):
            text = text[1:]
        if text:
            yield Text(text)


def _moved(saved: SavedPrompt) -> Iterator[str]:
    """Yield a note if PET reads spaces that the template does not have."""
    template = saved.prompt.template
    read = Template(joined([PatternString((part,)) for part in listed(template.parts)]))
    if read != template:
        yield f"PET puts a space before every part: it reads {saved.id} as {str(read)!r}"
