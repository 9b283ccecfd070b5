"""LAMA's notation of facts: [X] is the subject, [Y] the object, everything else is text.

LPAQA, AutoPrompt, OptiPrompt and ParaRel publish their prompts in it, most of them as JSON lines.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from promptsearch.data.tables.json_rows import json_lines
from promptsearch.data.tasks.facts_reader import SUBJECT
from promptsearch.errors import ExportError, PromptError
from promptsearch.files.read import ENCODING
from promptsearch.files.write import write_lines
from promptsearch.formats.importing.contents import ForeignTemplate, Location, well_formed
from promptsearch.prompt import Field, Part, Slot, Template, Text, TextPart
from promptsearch.prompt.template import notation_of
from promptsearch.prompt_file.prompts_json import Json, SavedPrompt

MARKER = re.compile(r"\[[XY]\]")
OBJECT = "[Y]"


def from_lama(notation: str) -> str:
    """Return LAMA's notation in ours.

    >>> from_lama("[X] was born in [Y] .")
    '{subject} was born in [Z] .'
    """
    return "".join(map(notation_of, lama_parts(notation)))


def lama_parts(notation: str) -> list[Part]:
    """Return the parts of the notation, text as it is written."""
    parts: list[Part] = []
    end = 0
    for match in MARKER.finditer(notation):
        part = Slot() if match[0] == OBJECT else Field(SUBJECT)
        parts += [Text(notation[end : match.start()]), part]
        end = match.end()
    return [*parts, Text(notation[end:])]


def template_at(location: Location, notation: str) -> Template:
    """Return the template. Raises DataError if [X] or [Y] is missing, or [Y] is there twice."""
    parts = lama_parts(notation)
    if Field(SUBJECT) not in parts:
        raise location.error(f"{notation!r} has no [X], so every subject reads the same; add it")
    if (slots := parts.count(Slot())) != 1:
        raise location.error(
            f"{notation!r} needs one [Y], where the object stands, but has {slots}"
        )
    try:
        return Template(tuple(parts))
    except PromptError as error:
        raise location.error(error) from None


def to_lama(saved: SavedPrompt) -> str:
    """Return the template in LAMA's notation. Raises ExportError if it cannot hold it."""
    template = saved.prompt.template
    subject = f"{saved.id}: the template {template.notation!r}"
    if template.fields != (SUBJECT,) or len(template.slots) > 1:
        raise ExportError(
            f"{subject} is not one of a subject and its object, for which [X] and [Y] stand; "
            "openprompt and text hold others"
        )
    for part in template.parts:
        if isinstance(part, Text) and (marked := MARKER.search(part.text)):
            raise ExportError(
                f"{subject} has {marked[0]} as text, which would be read as a place; export it as "
                "openprompt or text"
            )
    return "".join(map(_marked, template.text_parts))


def _marked(part: TextPart) -> str:
    match part:
        case Text(text):
            return text
        case Field():
            return "[X]"
        case Slot():
            return OBJECT


def rows(path: Path, key: str) -> Iterator[tuple[Location, Json]]:
    """Yield JSON lines with a text at `key`.

    Raises DataError if a line has none, or there are no lines.
    """
    location = Location(path)
    for line, row in json_lines(path, ENCODING):
        location = Location(path, line)
        if not isinstance(row, dict) or not isinstance(row.get(key), str):
            raise location.error(
                f'there is no text "{key}"; each line is {{"{key}": "[X] ... [Y]"}}'
            )
        well_formed(location, row)
        yield location, row
    if location.line is None:
        raise location.error(f'it holds no prompt; each line is {{"{key}": "[X] ... [Y]"}}')


def relation_of(location: Location, row: Json) -> str:
    """Return the relation that a line names. Raises DataError if it names none."""
    relation = row.get("relation")
    if not isinstance(relation, str) or not relation:
        raise location.error('the line names no "relation", such as "P19"; add it')
    return relation


def foreign_template(location: Location, row: Json, key: str, relation: str) -> ForeignTemplate:
    """Return the template of a line; the line's other keys are evidence."""
    beside = {name: value for name, value in row.items() if name not in (key, "relation")}
    return ForeignTemplate(
        location, template_at(location, str(row[key])), relation, evidence=beside
    )


def relations(path: Path) -> tuple[ForeignTemplate, ...]:
    """Return the templates of lines that name their relation."""
    return tuple(
        foreign_template(location, row, "template", relation_of(location, row))
        for location, row in rows(path, "template")
    )


def write_rows(into: Path, lines: Iterable[Json]) -> None:
    """Write JSON lines."""
    write_lines(into, [json.dumps(row, ensure_ascii=False) + "\n" for row in lines])
