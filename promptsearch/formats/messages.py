"""A prompt as the messages of a chat, for any interface that takes them.

Contents are for `str.format`: inputs are {placeholders}, other braces are doubled. The reply is one
of the answers, after `answer_prefix` and before `after`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from promptsearch.files.write import write_atomic
from promptsearch.formats.export import ExportRequest, next_command
from promptsearch.formats.shared.cloze import (
    braced,
    chat_of,
    ending,
    only_prompt,
    reply_prefix,
    stripped,
    texts_of,
    uncalibrated,
)
from promptsearch.prompt import Text, TextPart
from promptsearch.prompt_file.prompts_json import SavedPrompt

HOW = (
    "Fill in each message's content with str.format(**row). log p of an answer is that of the "
    "reply's tokens from the answer on, given all before; an answer stands after answer_prefix and "
    "before after. A label's score is put together from its answers by answer_score; the softmax "
    "over the labels gives probabilities."
)
HOW_WRITTEN = (
    "Fill in each message's content with str.format(**row). The reply is the answer, after "
    "answer_prefix: at most max_tokens tokens, the likeliest one after the other (beams 1) or by "
    "beams, up to the first of stop; white space around it is none of it."
)


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a JSON object with messages, answers and scoring; return notes."""
    saved = only_prompt(request, "messages")
    uncalibrated(request, "messages")
    parts, chat = ending(saved, "messages"), chat_of(request)
    system, prefix = chat.get("system"), str(chat.get("answer_prefix") or "")
    document = {
        "messages": [
            *([] if system is None else [_message("system", (Text(str(system)),), saved)]),
            _message("user", stripped(parts.before), saved),
        ],
        "inputs": list(saved.prompt.template.fields),
        "answer_prefix": reply_prefix(parts, prefix),
        "after": parts.trail,
        **_reply(request, saved),
    }
    write_atomic(into, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    notes = [] if chat else ["the prompt was found without a chat template: scores will differ"]
    return [*notes, next_command("python", "-m", "json.tool", into)]


def _reply(request: ExportRequest, saved: SavedPrompt) -> Mapping[str, object]:
    """Return what the reply is: one of the answers, or a text and how it is written."""
    if (decode := request.kind.decode) is not None:
        return {"decode": decode.described, "how": HOW_WRITTEN}
    return {
        "answers": texts_of(saved.prompt.verbalizer),
        "answer_score": request.settings.answer_score,
        "length_norm": request.settings.length_norm,
        "how": HOW,
    }


def _message(role: str, parts: Sequence[TextPart], saved: SavedPrompt) -> Mapping[str, str]:
    return {"role": role, "content": braced(parts, f"{saved.id}: messages")}
