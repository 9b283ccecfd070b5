"""The templates.yaml of promptsource: Jinja templates whose target, behind |||, is the answer."""

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from promptsearch.errors import ExportError
from promptsearch.files.writing import write_lines
from promptsearch.formats.export import NEXT, ExportRequest
from promptsearch.formats.shared.cloze import ELSEWHERE, cloze, one_each, quoted, uncalibrated
from promptsearch.formats.shared.jinja import escaped, jinja
from promptsearch.prompt_file.prompts_json import SavedPrompt

NAME = "promptsource"
LABEL = "label"  # the column that says which answer is right, as a number
_IDS = uuid.UUID("5d0f3a52-9f0c-4f6e-8a5c-0a8a1a4e5b11")  # the same export has the same ids


def write(given: ExportRequest, into: Path) -> Sequence[str]:
    """One file with a template for each prompt."""
    uncalibrated(given, NAME)
    if given.ensemble is not None:
        raise ExportError(f"{NAME} holds single prompts, not an ensemble; {ELSEWHERE}")
    if LABEL in given.inputs:
        raise ExportError(f"{NAME} needs the column {LABEL!r} for the answer; rename the input")
    write_lines(into, _lines(given))
    return [
        f"rows need a column {LABEL!r}: the number of the label, from 0, in the order of "
        f"{', '.join(given.labels[:5])}{' ...' if len(given.labels) > 5 else ''}",
        f"put it into promptsource/templates/{given.name}/",
        f"{NEXT}less {into}",
    ]


def _lines(given: ExportRequest) -> Iterator[str]:
    yield f"dataset: {quoted(given.name)}\n"
    yield "templates:\n"
    for saved in given.prompts:
        yield from _template(given, saved)


def _template(given: ExportRequest, saved: SavedPrompt) -> Iterator[str]:
    own = cloze(saved.prompt.template, NAME)
    answers = list(one_each(saved.prompt.verbalizer, NAME).values())
    if odd := [text for text in (*answers, str(saved.prompt.template)) if "|||" in text]:
        raise ExportError(f"{NAME} parts texts by |||, which {odd[0]!r} holds; {ELSEWHERE}")
    said = f"{{{{ answer_choices[{LABEL}] }}}}{jinja(own.after, NAME)}"
    before = jinja(own.before, NAME)
    name = str(uuid.uuid5(_IDS, f"{given.name}/{saved.id}/{saved.prompt.template}"))
    yield f"  {name}: !Template\n"
    yield f"    answer_choices: {quoted(' ||| '.join(map(escaped, answers)))}\n"
    yield f"    id: {name}\n"
    yield f"    jinja: {quoted(f'{before}|||{said}')}\n"
    yield "    metadata: !TemplateMetadata\n"
    yield "      choices_in_prompt: false\n      languages:\n      - en\n"
    yield "      metrics:\n      - Accuracy\n      original_task: true\n"
    yield f"    name: {quoted(saved.id)}\n    reference: promptsearch\n"
