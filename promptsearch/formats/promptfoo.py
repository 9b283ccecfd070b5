"""A promptfoo configuration: the prompt, and rows of dev whose right answers are asserted."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from promptsearch.data import Example
from promptsearch.errors import ExportError
from promptsearch.files.write import write_lines
from promptsearch.formats.export import NEXT, ExportRequest, final_path
from promptsearch.formats.shared.cloze import (
    ending,
    only_prompt,
    quoted,
    texts_of,
    trail_note,
    uncalibrated,
)
from promptsearch.formats.shared.jinja import escaped, jinja

NAME = "promptfoo"


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write one YAML file whose provider is the user's choice; return notes."""
    saved = only_prompt(request, NAME)
    uncalibrated(request, NAME)
    if request.task is None:
        raise ExportError(f"{NAME} needs the rows of the task; say where it is: `task`")
    parts = ending(saved.prompt.template, NAME)
    answers = texts_of(saved.prompt.verbalizer)
    rows = request.task.dev.examples
    usable = [row for row in rows if any(target in answers for target in row.targets)]
    write_lines(into, _lines(request, jinja(parts.before, NAME).rstrip(), usable, answers))
    return [
        *trail_note(parts, NAME),
        "providers names an echo, which asks nobody: put your model there",
        f"{NEXT}npx promptfoo@latest eval -c {final_path(into)}",
    ]


def _lines(
    request: ExportRequest,
    prompt: str,
    rows: Sequence[Example],
    answers: Mapping[str, Sequence[str]],
) -> Iterator[str]:
    yield f"description: {quoted(f'{request.name}: {request.prompts[0].id}')}\n"
    yield f"prompts:\n  - {quoted(prompt)}\n"
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
        yield f"      {quoted(field)}: {quoted(escaped(row.inputs[field]))}\n"
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
