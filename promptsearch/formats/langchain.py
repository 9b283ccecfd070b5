"""A LangChain prompt template, as `langchain_core.load.loads` reads it.

A prompt that was found in a chat becomes a ChatPromptTemplate.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from promptsearch.files.writing import write_atomic
from promptsearch.formats.export import NEXT, ExportRequest
from promptsearch.formats.shared.cloze import (
    reply_prefix,
    braced,
    chat_said,
    ending,
    only_prompt,
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


def write(given: ExportRequest, into: Path) -> Sequence[str]:
    """A JSON object in f-string format; its metadata hold the answers."""
    saved = only_prompt(given, NAME)
    uncalibrated(given, NAME)
    own, chat = ending(saved.prompt.template, NAME), chat_said(given)
    answers = texts_of(saved.prompt.verbalizer)
    if chat:
        prefix = reply_prefix(own, str(chat.get("answer_prefix") or ""))
        metadata = {"answers": answers, "answer_prefix": prefix, "after": own.trail}
        document = _chat(chat.get("system"), stripped(own.before), metadata)
    else:
        document = _prompt(own.before, {"metadata": {"answers": answers, "after": own.trail}})
    write_atomic(into, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    return [*trail_note(own, NAME), f"{NEXT}python -c '{LOADING}' < {into}"]


def _chat(
    system: object, message: Sequence[Part], metadata: Mapping[str, object]
) -> Mapping[str, object]:
    messages = [_message("HumanMessagePromptTemplate", message)]
    if system is not None:
        messages.insert(0, _message("SystemMessagePromptTemplate", (Text(str(system)),)))
    own = {"input_variables": _inputs(message), "messages": messages, "metadata": metadata}
    return _constructed(("chat", "ChatPromptTemplate"), own)


def _message(kind: str, parts: Sequence[Part]) -> Mapping[str, object]:
    return _constructed(("chat", kind), {"prompt": _prompt(parts, {})})


def _prompt(parts: Sequence[Part], more: Mapping[str, object]) -> Mapping[str, object]:
    own = {
        "input_variables": _inputs(parts),
        "template": braced(parts, NAME),
        "template_format": "f-string",
    }
    return _constructed(("prompt", "PromptTemplate"), {**own, **more})


def _inputs(parts: Sequence[Part]) -> list[str]:
    return list(dict.fromkeys(part.name for part in parts if isinstance(part, Field)))


def _constructed(name: Sequence[str], given: Mapping[str, object]) -> Mapping[str, object]:
    """An object in LangChain's notation."""
    own = {"lc": 1, "type": "constructor", "id": ["langchain", "prompts", *name]}
    return {**own, "kwargs": given, "name": name[-1]}
