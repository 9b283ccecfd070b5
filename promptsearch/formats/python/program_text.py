"""What a program says of itself, and the notes on it."""

import json
from collections.abc import Iterator
from importlib.metadata import version

from promptsearch.formats.export import ExportRequest
from promptsearch.formats.python.model_facts import ModelFacts
from promptsearch.formats.shared.model_source import GGUF_NOTE


def program_docstring(request: ExportRequest, spec: str, file: str) -> str:
    """Return the docstring of a program in the file, for the model."""
    path, names = request.file.path, ", ".join(saved.id for saved in request.prompts)
    prompts = f"prompt {names}" if request.ensemble is None else f"the ensemble of {names}"
    columns = ", ".join(f"{json.dumps(name, ensure_ascii=False)}: ..." for name in request.inputs)
    answers = '{"prediction"}' if request.kind.free_texts else '{"label", "log_probs"}'
    rows, release = f"{{{columns}}}", version("promptsearch")
    return f"""\
{request.name}: {prompts} of {path.parent.name}/{path.name}, for {spec}.

    python {file} --selftest    asks five rows, and compares with promptsearch {release}
    python {file} < rows.jsonl  reads {rows} a line, writes {answers}"""


def program_notes(request: ExportRequest, facts: ModelFacts) -> Iterator[str]:
    """Yield what a program lacks or needs."""
    if request.task is None:
        yield "without expected outputs, for which the task is needed: `task`"
    if facts.is_local:
        yield f"its model is {facts.path}: elsewhere, copy it and give `model`"
    if facts.is_gguf:
        yield GGUF_NOTE
