"""The templates.yaml of promptsource: Jinja templates whose target, behind |||, is the answer."""

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path

from promptsearch.errors import ExportError
from promptsearch.files.write import write_lines
from promptsearch.formats.export import ExportRequest, next_command
from promptsearch.formats.shared.cloze import ELSEWHERE, cloze, quoted, single_answers, uncalibrated
from promptsearch.formats.shared.jinja import escaped, jinja
from promptsearch.prompt_file.prompts_json import SavedPrompt

NAME = "promptsource"
LABEL = "label"  # the column with the number of the right answer
CHOICES = "answer_choices"  # the answers, beside the columns
_IDS = uuid.UUID("5d0f3a52-9f0c-4f6e-8a5c-0a8a1a4e5b11")  # the same export has the same ids


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write one file with a template for each prompt; return notes."""
    uncalibrated(request, NAME)
    if request.ensemble is not None:
        raise ExportError(f"{NAME} holds single prompts, not an ensemble; {ELSEWHERE}")
    if taken := [name for name in (LABEL, CHOICES) if name in request.inputs]:
        raise ExportError(f"{NAME} needs the column {taken[0]!r} for the answer; rename the input")
    write_lines(into, _lines(request))
    return [
        f"rows need a column {LABEL!r}: the number of the label, from 0, in the order of "
        f"{', '.join(request.labels[:5])}{' ...' if len(request.labels) > 5 else ''}",
        f"put it into promptsource/templates/{request.name}/",
        next_command("less", into),
    ]


def _lines(request: ExportRequest) -> Iterator[str]:
    yield f"dataset: {quoted(request.name)}\n"
    yield "templates:\n"
    for saved in request.prompts:
        yield from _template(request, saved)


def _template(request: ExportRequest, saved: SavedPrompt) -> Iterator[str]:
    subject = f"{saved.id}: {NAME}"
    parts = cloze(saved, NAME)
    answers = list(single_answers(saved, NAME).values())
    if dividing := [text for text in (*answers, saved.prompt.template.notation) if "|||" in text]:
        raise ExportError(f"{subject} parts texts by |||, which {dividing[0]!r} holds; {ELSEWHERE}")
    target = f"{{{{ answer_choices[{LABEL}] }}}}{jinja(parts.after, subject)}"
    before = jinja(parts.before, subject)
    name = str(uuid.uuid5(_IDS, f"{request.name}/{saved.id}/{saved.prompt.template.notation}"))
    yield f"  {name}: !Template\n"
    yield f"    answer_choices: {quoted(' ||| '.join(map(escaped, answers)))}\n"
    yield f"    id: {name}\n"
    yield f"    jinja: {quoted(f'{before}|||{target}')}\n"
    yield "    metadata: !TemplateMetadata\n"
    yield "      choices_in_prompt: false\n      languages:\n      - en\n"
    yield "      metrics:\n      - Accuracy\n      original_task: true\n"
    yield f"    name: {quoted(saved.id)}\n    reference: promptsearch\n"
