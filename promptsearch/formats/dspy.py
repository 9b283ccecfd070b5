"""The state of a dspy Predict, which `dspy.Predict(SIGNATURE).load(PATH)` reads.

dspy writes its prompts around a signature: the template becomes its instructions.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from promptsearch.errors import ExportError
from promptsearch.files.write import write_atomic
from promptsearch.formats.export import NEXT, ExportRequest
from promptsearch.formats.shared.cloze import ELSEWHERE, cloze, only_prompt, texts_of, uncalibrated

NAME = "dspy"
OUTPUT = "answer"
VERSIONS = {"python": "3.11", "dspy": "3.0.0", "cloudpickle": "3.1"}  # of the notation


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a JSON file with the signature: instructions, a field an input, and the answer."""
    if into.suffix != ".json":
        raise ExportError(f"dspy reads .json files; write to {into.with_suffix('.json').name}")
    saved = only_prompt(request, NAME)
    uncalibrated(request, NAME)
    template = saved.prompt.template
    cloze(template, NAME)
    if OUTPUT in template.fields:
        raise ExportError(f"{NAME} calls the output {OUTPUT!r}, as an input is called; {ELSEWHERE}")
    if invalid := [name for name in template.fields if not name.isidentifier()]:
        raise ExportError(f"{NAME} has names for inputs, but {{{invalid[0]}}} is none; {ELSEWHERE}")
    words = [text for texts in texts_of(saved.prompt.verbalizer).values() for text in texts]
    listed = ", ".join(json.dumps(text, ensure_ascii=False) for text in dict.fromkeys(words))
    fields = [(name, f"${{{name}}}") for name in template.fields]
    document: dict[str, object] = {
        "traces": [],
        "train": [],
        "demos": [],
        "signature": {
            "instructions": f"Fill in [{template.slots[0]}]: {template}",
            "fields": [
                {"prefix": _prefix(name), "description": description}
                for name, description in (*fields, (OUTPUT, f"what fills it in, one of {listed}"))
            ],
        },
        "lm": None,
        "metadata": {"dependency_versions": VERSIONS},
    }
    write_atomic(into, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    signature = f"{', '.join(template.fields)} -> {OUTPUT}"
    loading = f'import dspy; p = dspy.Predict("{signature}"); p.load("{into}"); print(p.signature)'
    return ["dspy writes its own prompt around this one", f"{NEXT}python -c '{loading}'"]


def _prefix(name: str) -> str:
    return f"{name.replace('_', ' ').capitalize()}:"
