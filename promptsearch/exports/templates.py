"""Templates to start from, in files: ours, and the lists that LPAQA and ParaRel published.

- `prompts.json`: its prompts' templates;
- `.txt`: a template a line, in our notation;
- `.jsonl`: an object a line, its `template` (LPAQA) or `pattern` (ParaRel) in LAMA's notation,
  with [X] for the subject and [Y] for the object.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from promptsearch.corpora import TaskDefinition
from promptsearch.corpora.files import ENCODING, open_text
from promptsearch.corpora.json_rows import json_lines
from promptsearch.errors import DataError, PromptError
from promptsearch.exports.native import read_prompts
from promptsearch.prompt import Field, Part, Slot, Template, Text
from promptsearch.template import check_places, notation_of

KEYS = ("template", "pattern")


def templates_from(
    notations: Sequence[str],
    paths: Sequence[Path],
    definition: TaskDefinition,
    *,
    any_slots: bool = False,
) -> tuple[str, ...]:
    """Those that were written out, then those in the files, each once.

    They must have the task's slots, or with `any_slots` some.
    """
    own = (str(fitting(notation, definition, any_slots=any_slots)) for notation in notations)
    return tuple(dict.fromkeys((*own, *templates_in(paths, definition, any_slots=any_slots))))


def templates_in(
    paths: Sequence[Path], definition: TaskDefinition, *, any_slots: bool = False
) -> tuple[str, ...]:
    """The templates of all files, each once, in order.

    `DataError` names the file and the line of what is no template of this task.
    """
    found: dict[str, None] = {}
    for path in paths:
        for line, notation in _read(path):
            try:
                found[str(fitting(notation, definition, any_slots=any_slots))] = None
            except PromptError as error:
                raise DataError.at(path, line, str(error)) from None
    return tuple(found)


def fitting(notation: str, definition: TaskDefinition, *, any_slots: bool = False) -> Template:
    """The template; `PromptError` where it lacks the task's slots or has fields that it has not."""
    template = Template.parse(notation)
    slots = template.slots if any_slots else definition.prompt.template.slots
    check_places(f"the template {notation!r}", template.parts, slots, definition.inputs)
    return template


def from_lama(notation: str) -> str:
    """LAMA's notation in ours; everything else is text.

    >>> from_lama("[X] was born in [Y] .")
    '{subject} was born in [Z] .'
    """
    parts: list[Part] = []
    for number, piece in enumerate(notation.split("[X]")):
        if number:
            parts.append(Field("subject"))
        for place, text in enumerate(piece.split("[Y]")):
            parts += [Slot(), Text(text)] if place else [Text(text)]
    return "".join(map(notation_of, parts))


def _read(path: Path) -> Iterator[tuple[int | None, str]]:
    """(line, template in our notation) of one file."""
    if path.suffix == ".json":
        yield from ((None, str(saved.prompt.template)) for saved in read_prompts(path).prompts)
    elif ".jsonl" in path.suffixes:
        for line, row in json_lines(path, ENCODING):
            yield line, from_lama(_notation(path, line, row))
    else:
        with open_text(path, ENCODING) as stream:
            for line, text in enumerate(stream, 1):
                if text.strip():
                    yield line, text.rstrip("\n")


def _notation(path: Path, line: int, row: object) -> str:
    given = [row[key] for key in KEYS if key in row] if isinstance(row, dict) else []
    if not given or not isinstance(given[0], str):
        raise DataError.at(path, line, 'no template; each line is {"template": "[X] ... [Y]"}')
    return given[0]
