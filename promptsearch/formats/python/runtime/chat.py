"""The line that a causal model reads: a prompt as it is, or as a chat whose reply is the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Control:
    """A control token in a chat template."""

    token: str


@dataclass(frozen=True)
class Chat:
    """A chat template, filled in around the user's message, and the beginning of the reply."""

    opening: Sequence[str | Control]  # before the message
    closing: Sequence[str | Control]  # after it
    reply: str = ""


# The text before the first slot is the user's message, the rest the reply; None: no chat.
CHAT: Chat | None = None


def write_line(
    texts: list[str], slot: int, names: Mapping[str, str]
) -> tuple[list[str], Sequence[int]]:
    """Return the line, and the index in it of each text; the first slot is `texts[slot]`.

    `names` are the tokenizer's names of control tokens.
    """
    if CHAT is None:
        return texts, range(len(texts))
    opening, closing = (
        [names[part.token] if isinstance(part, Control) else part for part in half]
        for half in (CHAT.opening, CHAT.closing)
    )
    message, reply = texts[:slot], texts[slot:]
    begin = begin_reply(CHAT.reply, "".join(message))
    line = [*opening, *strip_whole(message), *closing, begin, *reply]
    first = len(line) - len(reply)
    return line, [*range(len(opening), len(opening) + slot), *range(first, len(line))]


def begin_reply(reply: str, message: str) -> str:
    """Return the reply up to the answer; a space joins them if one stands before the slot."""
    spaced = not message or message[-1].isspace()
    return reply + " " if reply and spaced and not reply[-1].isspace() else reply


def strip_whole(texts: Sequence[str]) -> list[str]:
    """Return the texts without white space at the two ends of their whole."""
    stripped = list(texts)
    forward = range(len(stripped))
    for order, strip in ((forward, str.lstrip), (reversed(forward), str.rstrip)):
        for i in order:
            stripped[i] = strip(stripped[i])
            if stripped[i]:
                break
    return stripped
