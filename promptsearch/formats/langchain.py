"""A LangChain prompt template, as `langchain_core.load.loads` reads it.

A prompt that was searched in a chat becomes a ChatPromptTemplate.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from promptsearch.files.write import write_atomic
from promptsearch.formats.export import NEXT, ExportRequest
from promptsearch.formats.shared.cloze import (
    braced,
    chat_of,
    ending,
    only_prompt,
    reply_prefix,
    stripped,
    texts_of,
    trail_note,
    uncalibrated,
)
from promptsearch.prompt import Field, Part, Text

NAME = "langchain"
LOADING = (
    "from langchain_core.load import loads; import sys; print(loads(open(sys.argv[1]).read()))"
)


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a JSON object in f-string format, with the answers in its metadata; return notes."""
    saved = only_prompt(request, NAME)
    uncalibrated(request, NAME)
    parts, chat = ending(saved.prompt.template, NAME), chat_of(request)
    answers = texts_of(saved.prompt.verbalizer)
    if chat:
        prefix = reply_prefix(parts, str(chat.get("answer_prefix") or ""))
        metadata = {"answers": answers, "answer_prefix": prefix, "after": parts.trail}
        document = _chat(chat.get("system"), stripped(parts.before), metadata)
    else:
        document = _prompt(parts.before, {"metadata": {"answers": answers, "after": parts.trail}})
    write_atomic(into, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    return [*trail_note(parts, NAME), f"{NEXT}python -c '{LOADING}' < {into}"]


def _chat(
    system: object, message: Sequence[Part], metadata: Mapping[str, object]
) -> Mapping[str, object]:
    messages = [_message("HumanMessagePromptTemplate", message)]
    if system is not None:
        messages.insert(0, _message("SystemMessagePromptTemplate", (Text(str(system)),)))
    arguments = {"input_variables": _inputs(message), "messages": messages, "metadata": metadata}
    return _constructed(("chat", "ChatPromptTemplate"), arguments)


def _message(kind: str, parts: Sequence[Part]) -> Mapping[str, object]:
    return _constructed(("chat", kind), {"prompt": _prompt(parts, {})})


def _prompt(parts: Sequence[Part], more: Mapping[str, object]) -> Mapping[str, object]:
    arguments = {
        "input_variables": _inputs(parts),
        "template": braced(parts, NAME),
        "template_format": "f-string",
    }
    return _constructed(("prompt", "PromptTemplate"), {**arguments, **more})


def _inputs(parts: Sequence[Part]) -> list[str]:
    return list(dict.fromkeys(part.name for part in parts if isinstance(part, Field)))


def _constructed(name: Sequence[str], arguments: Mapping[str, object]) -> Mapping[str, object]:
    """Return an object in LangChain's notation."""
    header = {"lc": 1, "type": "constructor", "id": ["langchain", "prompts", *name]}
    return {**header, "kwargs": arguments, "name": name[-1]}
