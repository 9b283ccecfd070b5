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
        "answers": texts_of(saved.prompt.verbalizer),
        "answer_score": request.settings.answer_score,
        "length_norm": request.settings.length_norm,
        "how": HOW,
    }
    write_atomic(into, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    notes = [] if chat else ["the prompt was found without a chat template: scores will differ"]
    return [*notes, next_command("python", "-m", "json.tool", into)]


def _message(role: str, parts: Sequence[TextPart], saved: SavedPrompt) -> Mapping[str, str]:
    return {"role": role, "content": braced(parts, f"{saved.id}: messages")}
