"""A prompt as the messages of a chat, for any interface that takes them.

Contents are for `str.format`: inputs are {placeholders}, other braces are doubled. The reply is one
of the answers, after `answer_prefix` and before `after`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from promptsearch.exports.foreign import NEXT, Exported
from promptsearch.exports.holding import (
    Cloze,
    braced,
    ending,
    only_prompt,
    texts_of,
    uncalibrated,
)
from promptsearch.prompt import Part, Text
from promptsearch.storage import write_atomic

HOW = (
    "Fill in each message's content with str.format(**row). log p of an answer is that of the "
    "reply's tokens from the answer on, given all before; an answer stands after answer_prefix and "
    "before after. A label's score is put together from its answers by answer_score; the softmax "
    "over the labels gives probabilities."
)


def write(given: Exported, into: Path) -> Sequence[str]:
    """A JSON object: messages, answers and how they are scored."""
    saved = only_prompt(given, "messages")
    uncalibrated(given, "messages")
    own, chat = ending(saved.prompt.template, "messages"), _chat(given)
    system, prefix = chat.get("system"), str(chat.get("answer_prefix") or "")
    document = {
        "messages": [
            *([] if system is None else [_message("system", (Text(str(system)),))]),
            _message("user", _stripped(own.before)),
        ],
        "inputs": list(saved.prompt.template.fields),
        "answer_prefix": _begun(own, prefix),
        "after": own.trail,
        "answers": texts_of(saved.prompt.verbalizer),
        "answer_score": given.settings.answer_score,
        "length_norm": given.settings.length_norm,
        "how": HOW,
    }
    write_atomic(into, json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    notes = [] if chat else ["the prompt was found without a chat template: scores will differ"]
    return [*notes, f"{NEXT}python -m json.tool {into}"]


def _message(role: str, parts: Sequence[Part]) -> Mapping[str, str]:
    return {"role": role, "content": braced(parts, "messages")}


def _chat(given: Exported) -> Mapping[str, object]:
    """What the file says of the chat that its prompts were found in; empty without one."""
    return cast(Mapping[str, object], given.file.section("model").get("chat") or {})


def _begun(own: Cloze, prefix: str) -> str:
    """The reply up to the answer: a space joins them where one stands before the slot."""
    spaced = own.spaced or not own.before
    return prefix + " " if prefix and spaced and not prefix[-1].isspace() else prefix


def _stripped(parts: Sequence[Part]) -> list[Part]:
    """The template's own white space at the ends is left out, as a chat does."""
    own = list(parts)
    for end, strip in ((0, str.lstrip), (-1, str.rstrip)):
        if own and isinstance(part := own[end], Text):
            own[end : end + 1 or None] = [Text(text)] if (text := strip(part.text)) else []
    return own
