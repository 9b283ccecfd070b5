"""A LangChain prompt template, as `langchain_core.load.loads` reads it.

A prompt that was searched in a chat becomes a ChatPromptTemplate.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from promptsearch.errors import ExportError
from promptsearch.files.write import write_atomic
from promptsearch.formats.export import ExportRequest, next_command
from promptsearch.formats.shared.cloze import (
    before_text,
    braced,
    chat_of,
    ending,
    only_prompt,
    reply_prefix,
    stripped,
    stripped_end,
    texts_of,
    trail_note,
    uncalibrated,
)
from promptsearch.prompt import Field, Text, TextPart
from promptsearch.prompt_file.prompts_json import SavedPrompt

NAME = "langchain"
RESERVED = "stop"  # an argument of LangChain's models
LOADING = (
    "from langchain_core.load import loads; import sys; "
    "print(loads(open(sys.argv[1]).read(), allowed_objects='core'))"
)


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a JSON object in f-string format, its answers or decoding in the metadata."""
    saved = only_prompt(request, NAME)
    uncalibrated(request, NAME)
    parts, chat = ending(saved, NAME), chat_of(request)
    if RESERVED in saved.prompt.template.fields:
        raise ExportError(f"{saved.id}: {NAME} keeps the name {{{RESERVED}}}; rename the column")
    metadata: dict[str, object] = {}
    if (decode := request.kind.decode) is None:
        metadata |= {"answers": texts_of(saved.prompt.verbalizer), "after": parts.trail}
        before = stripped_end(parts.before)
    else:
        metadata |= {"decode": decode.described}
        before = before_text(parts.before)
    if chat:
        prefix = reply_prefix(parts, str(chat.get("answer_prefix") or ""))
        metadata |= {"answer_prefix": prefix}
        document = _chat(saved, chat.get("system"), stripped(parts.before), metadata)
    else:
        document = _prompt(saved, before, {"metadata": metadata})
    write_atomic(into, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    return [*trail_note(parts, NAME), next_command("python", "-c", LOADING, into)]


def _chat(
    saved: SavedPrompt, system: object, message: Sequence[TextPart], metadata: Mapping[str, object]
) -> Mapping[str, object]:
    messages = [_message(saved, "HumanMessagePromptTemplate", message)]
    if system is not None:
        text = Text(str(system))
        messages.insert(0, _message(saved, "SystemMessagePromptTemplate", (text,)))
    arguments = {"input_variables": _inputs(message), "messages": messages, "metadata": metadata}
    return _constructed(("chat", "ChatPromptTemplate"), arguments)


def _message(saved: SavedPrompt, kind: str, parts: Sequence[TextPart]) -> Mapping[str, object]:
    return _constructed(("chat", kind), {"prompt": _prompt(saved, parts, {})})


def _prompt(
    saved: SavedPrompt, parts: Sequence[TextPart], more: Mapping[str, object]
) -> Mapping[str, object]:
    arguments = {
        "input_variables": _inputs(parts),
        "template": braced(parts, f"{saved.id}: {NAME}"),
        "template_format": "f-string",
    }
    return _constructed(("prompt", "PromptTemplate"), {**arguments, **more})


def _inputs(parts: Sequence[TextPart]) -> list[str]:
    return list(dict.fromkeys(part.name for part in parts if isinstance(part, Field)))


def _constructed(name: Sequence[str], arguments: Mapping[str, object]) -> Mapping[str, object]:
    """Return an object in LangChain's notation."""
    header = {"lc": 1, "type": "constructor", "id": ["langchain", "prompts", *name]}
    return {**header, "kwargs": arguments, "name": name[-1]}
