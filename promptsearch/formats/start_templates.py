"""Templates to start a search from, in our files and in those of other tools.

- `prompts.json`: its prompts' templates;
- text: a template a line, in our notation;
- formats that `importing` reads and that stand out from others: JSON lines in LAMA's notation
  (LPAQA, AutoPrompt, ParaRel), text in it, OpenPrompt's and LM-BFF's templates, PET's Python.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from promptsearch.data import TaskDefinition
from promptsearch.data.tables.json_rows import json_lines
from promptsearch.errors import DataError, PromptError, listed
from promptsearch.files.read import ENCODING, kind_of, open_text
from promptsearch.formats.importing.contents import ImportOptions, Location, read_files
from promptsearch.formats.importing.input_names import Inputs
from promptsearch.formats.importing.prompt_pairs import named_here
from promptsearch.formats.openprompt.notation import holds_mask
from promptsearch.formats.shared.lama_notation import OBJECT
from promptsearch.prompt import Template
from promptsearch.prompt.template import check_slots_and_fields
from promptsearch.prompt_file.prompts_json import read_prompts

MASK = "*mask*"  # LM-BFF's


def templates_from(
    notations: Sequence[str],
    paths: Sequence[Path],
    definition: TaskDefinition,
    *,
    any_slots: bool = False,
) -> tuple[str, ...]:
    """Return the written templates, then those in the files, each once.

    They must have the task's slots, or with `any_slots` some.
    """
    manual = (str(fitting(notation, definition, any_slots=any_slots)) for notation in notations)
    return tuple(dict.fromkeys((*manual, *templates_in(paths, definition, any_slots=any_slots))))


def templates_in(
    paths: Sequence[Path], definition: TaskDefinition, *, any_slots: bool = False
) -> tuple[str, ...]:
    """Return the templates of all files, each once, in order.

    Raises DataError with the file and the line if one is no template of this task.
    """
    distinct: dict[str, None] = {}
    for path in paths:
        for location, notation in _read(path, definition):
            try:
                distinct[str(fitting(notation, definition, any_slots=any_slots))] = None
            except PromptError as error:
                raise location.error(error) from None
    return tuple(distinct)


def fitting(notation: str, definition: TaskDefinition, *, any_slots: bool = False) -> Template:
    """Return the template of a notation.

    Raises PromptError if it lacks the task's slots or has unknown fields.
    """
    template = Template.parse(notation)
    slots = template.slots if any_slots else definition.prompt.template.slots
    check_slots_and_fields(f"the template {notation!r}", template.parts, slots, definition.inputs)
    return template


def format_of(path: Path) -> str | None:
    """Return the foreign format of a file of templates; None for a text file of ours."""
    if ".jsonl" in path.suffixes:
        rows = [row for _, row in json_lines(path, ENCODING) if isinstance(row, dict)]
        if any("pattern" in row for row in rows):
            return "pararel"
        return "autoprompt" if any("[P]" in str(row.get("template")) for row in rows) else "lpaqa"
    if kind_of(path) == ".py":
        return "pet"
    with open_text(path, ENCODING) as stream:
        lines = [line for line in stream if line.strip()]
    if not lines or any("[Z" in line for line in lines):
        return None  # a slot of ours
    if all(map(holds_mask, lines)):
        return "openprompt"
    if all(MASK in line for line in lines):
        return "lm-bff"
    return "lpaqa" if all(OBJECT in line for line in lines) else None


def _read(path: Path, definition: TaskDefinition) -> Iterator[tuple[Location, str]]:
    """Yield (location, template in our notation) of one file."""
    if path.suffix == ".json":
        for saved in read_prompts(path).prompts:
            saved.prompt.template.check_shallow("a template of words")
            yield Location(path), saved.prompt.template.notation
    elif (name := format_of(path)) is not None:
        yield from _foreign(path, name, definition)
    else:
        with open_text(path, ENCODING) as stream:
            for line, text in enumerate(stream, 1):
                if text.strip():
                    yield Location(path, line), text.rstrip("\n")


def _foreign(path: Path, name: str, definition: TaskDefinition) -> Iterator[tuple[Location, str]]:
    options = ImportOptions(task=definition)
    imported = read_files([path], name, options)
    if len(imported.groups) > 1:
        raise DataError.at(
            path,
            None,
            f"it holds templates for {listed(imported.groups)}; bring those of one into a "
            f"prompts.json with promptsearch import --from {name} --relation NAME",
        )
    inputs = Inputs(options, imported.positions)
    for foreign in imported.templates:
        yield foreign.location, str(named_here(foreign, inputs))
