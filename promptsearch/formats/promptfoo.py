"""A promptfoo configuration: the prompt, and rows of dev whose right answers are asserted.

promptfoo takes a prompt or a row by its look for a path, a command or an address, which it opens,
runs or calls. So the prompt is a file of its own, and what begins as an address begins here with
an expression that adds nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from promptsearch.data import Example
from promptsearch.errors import ExportError
from promptsearch.files.write import write_lines
from promptsearch.formats.export import ExportRequest, final_path, next_command
from promptsearch.formats.shared.cloze import (
    ending,
    only_prompt,
    quoted,
    stripped_end,
    texts_of,
    trail_note,
    uncalibrated,
)
from promptsearch.formats.shared.jinja import escaped, jinja

NAME = "promptfoo"
_ADDRESS = re.compile(r"\w[\w.+-]*:\S")  # file://, exec:, package:, langfuse://
_NOTHING = '{{ "" }}'
_PATTERN = re.compile(r"[*?{}\[\]\x00-\x1f]|[+@!]\(")  # what makes a path several files' or none


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a YAML file whose provider is the user's choice, the prompt beside it; return notes."""
    saved = only_prompt(request, NAME)
    uncalibrated(request, NAME)
    if request.task is None:
        raise ExportError(f"{NAME} needs the rows of the task; say where it is: `task`")
    parts = ending(saved, NAME)
    prompt = _literal(jinja(stripped_end(parts.before), f"{saved.id}: {NAME}"))
    if not prompt:
        raise ExportError(f"{saved.id}: {NAME} needs a prompt, but nothing is before the slot")
    answers = texts_of(saved.prompt.verbalizer)
    rows = request.kind.training_rows(request.task.dev.examples)
    usable = [row for row in rows if any(target in answers for target in row.targets)]
    file = _prompt_file(into)
    write_lines(file, [prompt])
    write_lines(into, _lines(request, file.name, usable, answers))
    return [
        *trail_note(parts, NAME),
        "providers names an echo, which asks nobody: put your model there",
        next_command("npx", "promptfoo@latest", "eval", "-c", final_path(into)),
    ]


def _prompt_file(into: Path) -> Path:
    """Return the prompt's file beside `into`.

    Raises ExportError if promptfoo would read another one by its path.
    """
    file = into.with_name(f"{into.stem}{'.prompt' * (into.suffix == '.j2')}.j2")
    path = str(final_path(file))
    if (mark := _PATTERN.search(path)) or ":" in file.name:
        raise ExportError(
            f"{NAME} reads {mark[0] if mark else ':'!r} in the path {path!r} as a pattern; choose "
            "another -o PATH"
        )
    return file


def _literal(text: str) -> str:
    """Return a Jinja text that promptfoo takes for nothing else: no address, no JSON."""
    return f"{_NOTHING}{text}" if _ADDRESS.match(text) or _is_json(text) else text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _lines(
    request: ExportRequest,
    file: str,
    rows: Sequence[Example],
    answers: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    yield f"description: {quoted(escaped(f'{request.name}: {request.prompts[0].id}'))}\n"
    yield f"prompts:\n  - {quoted(f'file://{file}')}\n"
    yield "providers:\n  - echo\n"
    yield "tests:\n"
    for row in rows:
        yield from _test(request, row, answers)


def _test(
    request: ExportRequest, row: Example, answers: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Yield a test: the reply must begin with an answer of the right label, as a word."""
    yield "  - vars:\n"
    for field in request.inputs:
        yield f"      {quoted(field)}: {quoted(_literal(escaped(row.inputs[field])))}\n"
    right = [text for target in row.targets for text in answers.get(target, ())]
    yield "    assert:\n      - type: javascript\n"
    yield f"        value: {quoted(_begins_with(right))}\n"


def _begins_with(right: Sequence[str]) -> str:
    """Return JavaScript with the texts as string literals, free of template notation."""
    texts = json.dumps([text.lower() for text in right]).replace("{", "\\u007b")
    return (
        f"{texts}.some(own => {{ const said = output.trim().toLowerCase(); return "
        "said.startsWith(own) && !/[\\p{L}\\p{N}]/u.test(said.slice(own.length, own.length + 1)) })"
    )
