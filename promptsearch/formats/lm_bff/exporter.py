"""Prompts as LM-BFF's templates and mappings: a file of each, in a folder."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from promptsearch.errors import ExportError
from promptsearch.files.write import write_lines
from promptsearch.formats.export import ExportRequest
from promptsearch.formats.importing.contents import Location
from promptsearch.formats.importing.input_names import with_spaces
from promptsearch.formats.lm_bff.importer import SENTENCES, template_of
from promptsearch.formats.shared.export_checks import (
    names_for,
    no_ensemble,
    published_as,
    renaming_note,
    require_one_answer,
    split_pairs,
)
from promptsearch.prompt import Field, Part, Slot, Text
from promptsearch.prompt_file.prompts_json import SavedPrompt

NAME = "lm-bff"
TEMPLATE, MAPPING = "template.txt", "mapping.txt"
UNSAYABLE = re.compile(r"[*_]|[^\S ]")  # white space other than a space too


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a line a prompt in both files; return notes.

    Raises ExportError if LM-BFF's notation cannot write a prompt.
    """
    no_ensemble(request, "LM-BFF")
    require_one_answer(request, "LM-BFF")
    names = names_for(request, NAME, SENTENCES)
    if more := [name for name in request.inputs if names.get(name) not in SENTENCES]:
        raise ExportError(f"LM-BFF counts up to {len(SENTENCES)} inputs; {{{more[0]}}} is beyond")
    pairs = [(_template(saved, names), _mapping(saved)) for saved in request.prompts]
    templates, mappings, notes = split_pairs(pairs)
    write_lines(into / TEMPLATE, [f"{line}\n" for line in templates])
    write_lines(into / MAPPING, [f"{line}\n" for line in mappings])
    return [*renaming_note(names), *notes, *_notes(request), _use(into)]


def _template(saved: SavedPrompt, names: Mapping[str, str]) -> str:
    """Return the template as published if it was imported, else in LM-BFF's notation."""
    location = Location(Path(TEMPLATE))
    published = published_as(saved, NAME, names, lambda line: template_of(location, line)[0])
    return published or "".join(("*cls*", *_written(saved, names), "*sep+*"))


def _written(saved: SavedPrompt, names: Mapping[str, str]) -> Iterator[str]:
    """Yield the parts; a space goes to the sentence or the word behind it."""
    parts = saved.prompt.template.parts
    for index, part in enumerate(parts):
        before = parts[index - 1] if index else None
        after = parts[index + 1] if index + 1 < len(parts) else None
        match part:
            case Slot():
                yield "*mask*"
            case Field(name):
                yield f"*{'+' if _spaced(before) else ''}{names[name]}*"
            case Text(text):
                begins = index == 0 and text == " " and isinstance(after, Slot)
                whole = after is None or begins
                yield _text(saved, text if whole else text.removesuffix(" "))


def _spaced(before: Part | None) -> bool:
    return isinstance(before, Text) and before.text.endswith(" ")


def _text(saved: SavedPrompt, text: str) -> str:
    if unwritable := UNSAYABLE.search(text):
        raise ExportError(
            f"{saved.id}: the template has {unwritable[0]!r}, which LM-BFF cannot write as text: * "
            "parts its marks, _ is its only space, a line a template; openprompt and text hold it"
        )
    return text.replace(" ", "_")


def _mapping(saved: SavedPrompt) -> str:
    words = {label: answers[0][0][1] for label, answers in saved.prompt.verbalizer.pairs}
    if several_tokens := [word for word in words.values() if " " in word]:
        raise ExportError(
            f"{saved.id}: LM-BFF's words are one token each, which {several_tokens[0]!r} cannot "
            "be; openprompt and python hold it"
        )
    return json.dumps(words, ensure_ascii=False)


def _notes(request: ExportRequest) -> Iterator[str]:
    templates = [(saved.id, saved.prompt.template) for saved in request.prompts]
    glued = [
        name
        for name, template in templates
        if with_spaces(template) != template or isinstance(template.parts[0], Slot)
    ]
    if glued:
        yield f"LM-BFF's words bring a space; {glued[0]} has none before its slot"
    yield "LM-BFF takes words of one token only; it stops at others"


def _use(into: Path) -> str:
    return f"give lines of {into / TEMPLATE} and {into / MAPPING} to --template and --mapping"
