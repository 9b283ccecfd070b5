"""One Python file that scores rows as promptsearch does, and needs torch and transformers only.

It holds the prompt (or the members of an ensemble), the code that its family of models needs, and
five rows with what our own scorer says of them, which its `--selftest` compares.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from promptsearch.errors import ExportError
from promptsearch.files.writing import write_atomic
from promptsearch.formats.export import NEXT, ExportRequest
from promptsearch.formats.python.expected_rows import expected_rows
from promptsearch.formats.python.members import Member, members_of
from promptsearch.formats.python.model_facts import Reading, reading_of
from promptsearch.formats.python.program import Program
from promptsearch.prompt_file.prompts_json import LISTED
from promptsearch.scoring import Scorer


def write(given: ExportRequest, into: Path) -> Sequence[str]:
    """The file, and beside it the candidates of facts where there are many."""
    if given.ensemble is None and len(given.prompts) > 1:
        raise ExportError(
            f"python holds one prompt, not {len(given.prompts)}; leave --top out, or make an "
            f"ensemble (promptsearch ensemble {given.file.path}) and give --ensemble"
        )
    model = given.model()
    reading = reading_of(model)
    settings, facts = given.settings, given.kind == "facts"
    scorer = Scorer(model, settings.scoring(given.kind), settings.answer_score, facts)
    members = members_of(given, scorer)
    beside = _beside(members, into) if facts else None
    expected = expected_rows(given, scorer)
    program = Program(given, members, reading, into.name, beside, expected)
    write_atomic(into, program.source)
    merged = len(given.labels) - len(members[0].prompt.verbalizer)
    return [*_notes(given, reading, merged), f"{NEXT}python {into} --selftest"]


def _beside(members: Sequence[Member], into: Path) -> str | None:
    """The name of the file of candidates, where they are too many for the program."""
    candidates = members[0].prompt.verbalizer.labels
    if len(candidates) <= LISTED:
        return None
    file = into.with_name(f"{into.stem}.candidates.json")
    write_atomic(file, json.dumps(candidates, indent=0) + "\n")
    return file.name


def _notes(given: ExportRequest, reading: Reading, merged: int) -> Iterator[str]:
    if merged:
        yield f"{merged} candidates that the model reads like others are left out"
    if given.task is None:
        yield "without expected outputs, for which the task is needed: --task"
    if reading.local:
        yield f"its model is {reading.place}: elsewhere, copy it and give --model"
    if reading.gguf:
        yield "a GGUF file needs two packages more: gguf and accelerate"
