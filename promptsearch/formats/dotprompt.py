"""A .prompt file: YAML front matter, and the prompt in Handlebars."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from promptsearch.data.tasks.decode_table import Decode
from promptsearch.errors import ExportError
from promptsearch.files.write import write_lines
from promptsearch.formats.export import ExportRequest, next_command
from promptsearch.formats.shared.cloze import (
    ELSEWHERE,
    ending,
    only_prompt,
    quoted,
    texts_of,
    trail_note,
    uncalibrated,
)
from promptsearch.prompt import Field, Part, Text
from promptsearch.prompt_file.prompts_json import SavedPrompt

NAME = "dotprompt"
HELPERS = (
    *("role", "history", "section", "media", "json", "ifEquals", "unlessEquals", "this"),
    *("if", "unless", "each", "with", "lookup", "log", "else", "true", "false", "null"),
)
_NAMES = re.compile(r"[A-Za-z_]\w*", re.ASCII)


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write one file whose front matter names the inputs and the answers; return notes."""
    saved = only_prompt(request, NAME)
    uncalibrated(request, NAME)
    parts = ending(saved, NAME)
    body = _body(parts.before, f"{saved.id}: {NAME}")
    if (decode := request.kind.decode) is None:
        output = list(_one_of(saved))
    else:
        output = list(_text(decode, f"{saved.id}: {NAME}"))
    write_lines(into, _lines(request, output, body))
    place = f"put {into} into your prompts folder"
    return [*trail_note(parts, NAME), place, next_command("genkit", "start")]


def _one_of(saved: SavedPrompt) -> Iterator[str]:
    answers = [text for texts in texts_of(saved.prompt.verbalizer).values() for text in texts]
    yield "output:\n  schema:\n    type: string\n    enum:\n"
    yield from (f"      - {quoted(text)}\n" for text in dict.fromkeys(answers))


def _text(decode: Decode, subject: str) -> Iterator[str]:
    """Yield how a text is written. Raises ExportError if it is by beams, which no interface has."""
    if decode.beams > 1:
        raise ExportError(f"{subject} has no beams, by which texts are written; {ELSEWHERE}")
    yield f"config:\n  temperature: 0\n  maxOutputTokens: {decode.max_tokens}\n"
    if decode.stop:
        yield "  stopSequences:\n"
        yield from (f"    - {quoted(text)}\n" for text in decode.stop)
    yield "output:\n  format: text\n"


def _lines(request: ExportRequest, output: Sequence[str], body: str) -> Iterator[str]:
    yield "---\n"
    yield "input:\n  schema:\n"
    for field in request.inputs:
        yield f"    {quoted(field)}: string\n"
    yield from output
    yield "---\n"
    yield f"{body}\n"


def _body(parts: Sequence[Part], subject: str) -> str:
    """Return the parts in Handlebars. Raises ExportError if its notation cannot write them."""
    text = ""
    for part in parts:
        if isinstance(part, Text):
            text += _escaped(part.text, subject)
        elif isinstance(part, Field):
            text = f"{_backslashed(text, subject)}{{{{{_named(part, subject)}}}}}"
    return text.strip()


def _escaped(text: str, subject: str) -> str:
    """Return text whose `{{` begins nothing, as a backslash is before it."""
    if unwritable := re.search(r"\\\{\{|<<<dotprompt:", text):
        raise ExportError(f"{subject} cannot say {unwritable[0]!r} in a text; {ELSEWHERE}")
    return text.replace("{{", r"\{{")


def _backslashed(before: str, subject: str) -> str:
    """Return the text before a mustache, with its last backslash doubled.

    A single backslash would make the mustache text, and a brace another one.
    """
    if before.endswith("{"):
        raise ExportError(f"{subject} cannot say a brace right before an input; {ELSEWHERE}")
    return before + "\\" * before.endswith("\\")


def _named(field: Field, subject: str) -> str:
    if not _NAMES.fullmatch(field.name) or field.name in HELPERS:
        raise ExportError(f"{subject} has no input called {{{field.name}}}; {ELSEWHERE}")
    return field.name
