"""The state of a dspy Predict, which `dspy.Predict(SIGNATURE).load(PATH)` reads.

dspy writes its prompts around a signature: the template becomes its instructions.
"""

import json
from collections.abc import Sequence
from keyword import iskeyword
from pathlib import Path

from promptsearch.errors import ExportError
from promptsearch.files.write import write_atomic
from promptsearch.formats.export import ExportRequest, next_command
from promptsearch.formats.shared.cloze import ELSEWHERE, cloze, only_prompt, texts_of, uncalibrated
from promptsearch.prompt import Field, Slot, Text, TextPart
from promptsearch.prompt_file.prompts_json import SavedPrompt

NAME = "dspy"
OUTPUT = "answer"
RESERVED = ("signature", "new_signature", "demos", "config", "lm")  # arguments of a call


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a JSON file with the signature: instructions, a field an input, and the answer."""
    if into.suffix != ".json":
        raise ExportError(f"dspy reads .json files; write to {into.with_suffix('.json').name}")
    saved = only_prompt(request, NAME)
    uncalibrated(request, NAME)
    cloze(saved, NAME)
    _check_names(saved)
    template = saved.prompt.template
    fields = [(name, f"${{{name}}}") for name in template.fields]
    document: dict[str, object] = {
        "traces": [],
        "train": [],
        "demos": [],
        "signature": {
            "instructions": f"Fill in [{template.slots[0]}]: {_plain(saved)}",
            "fields": [
                {"prefix": _prefix(name), "description": description}
                for name, description in (*fields, (OUTPUT, _answer(request, saved)))
            ],
        },
        "lm": None,
        "metadata": {"dependency_versions": {}},  # dspy warns of any that differ from its own
    }
    write_atomic(into, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    signature = f"{', '.join(template.fields)} -> {OUTPUT}"
    loading = (
        f"import dspy, sys; p = dspy.Predict({signature!r}); p.load(sys.argv[1]); "
        "print(p.signature)"
    )
    command = next_command("python", "-c", loading, into)
    return ["dspy writes its own prompt around this one", command]


def _answer(request: ExportRequest, saved: SavedPrompt) -> str:
    """Return the description of the output: a text, or one of the answers."""
    if request.kind.free_texts:
        return "the text that fills it in"
    words = [text for texts in texts_of(saved.prompt.verbalizer).values() for text in texts]
    listed = ", ".join(json.dumps(text, ensure_ascii=False) for text in dict.fromkeys(words))
    return f"what fills it in, one of {listed}"


def _check_names(saved: SavedPrompt) -> None:
    """Raise ExportError if an input cannot be one of a signature."""
    fields = saved.prompt.template.fields
    if OUTPUT in fields:
        raise ExportError(
            f"{saved.id}: {NAME} calls the output {OUTPUT!r}, as an input is called; {ELSEWHERE}"
        )
    if reserved := [name for name in fields if name in RESERVED]:
        raise ExportError(f"{saved.id}: {NAME} keeps the name {{{reserved[0]}}}; {ELSEWHERE}")
    if invalid := [name for name in fields if not name.isidentifier() or iskeyword(name)]:
        raise ExportError(
            f"{saved.id}: {NAME} has names for inputs, but {{{invalid[0]}}} is none; {ELSEWHERE}"
        )


def _plain(saved: SavedPrompt) -> str:
    """Return the template as a reader takes it, without escapes.

    Raises ExportError if a text in it then looks like an input or the slot.
    """
    template = saved.prompt.template
    marks = [*(f"{{{name}}}" for name in template.fields), f"[{template.slots[0]}]"]
    texts = [part.text for part in template.parts if isinstance(part, Text)]
    if alike := [mark for mark in marks if any(mark in text for text in texts)]:
        raise ExportError(f"{saved.id}: {NAME} cannot say {alike[0]} as a text; {ELSEWHERE}")
    return "".join(map(_written, template.text_parts))


def _written(part: TextPart) -> str:
    match part:
        case Text(text):
            return text
        case Field(name):
            return f"{{{name}}}"
        case Slot(name):
            return f"[{name}]"


def _prefix(name: str) -> str:
    return f"{name.replace('_', ' ').capitalize()}:"
