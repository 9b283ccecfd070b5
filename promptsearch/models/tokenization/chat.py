"""Prompts of causal models as tokenizer input: plain, or as a chat whose reply is the answer."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from promptsearch.errors import ModelError
from promptsearch.models.foreign_errors import first_words, foreign_errors
from promptsearch.models.forward.patched import patched
from promptsearch.models.tokenization.encode import text_or_placeholder
from promptsearch.models.tokenization.tokenizer import TokenizerInput
from promptsearch.prompt import Answer, Filled, Slot
from promptsearch.prompt.parts import FilledPart

DAY = datetime(2024, 7, 26)
USER, SYSTEM = "\ue010", "\ue011"  # stand for the messages while the template is rendered


@dataclass(frozen=True)
class EncodedChatText:
    """A prompt with an answer in it, as tokenizer input."""

    line: TokenizerInput
    part_starts: Sequence[int]  # where in the line each part of the prompt stands
    slots: Sequence[int]  # where the answer's texts stand, in order


class Writer(Protocol):
    """Writes prompts as tokenizer input."""

    @property
    def special(self) -> bool:
        """True if the tokenizer adds its begin token."""
        ...

    def write(self, filled: Filled, answer: Answer) -> EncodedChatText:
        """Return the line; a slot that the answer leaves out is empty."""
        ...


@dataclass(frozen=True)
class Raw:
    """Writes prompts as they are."""

    special: bool = True

    def write(self, filled: Filled, answer: Answer) -> EncodedChatText:
        slots = [i for i, part in enumerate(filled) if isinstance(part, Slot)]
        return EncodedChatText(_texts(filled, answer), range(len(filled)), slots)


@dataclass(frozen=True)
class Chat:
    """Writes the text before the first slot as the user's message, the rest as the reply."""

    opening: TokenizerInput  # what the template puts before the user's text
    closing: TokenizerInput  # what it puts between it and the reply
    answer_prefix: str | None = None
    special: bool = False
    date: str | None = None  # what a template that reads the clock was told (ISO)
    rendered_sha256: str | None = None  # of the template's text, stand-ins for the messages in it

    def write(self, filled: Filled, answer: Answer) -> EncodedChatText:
        texts = _texts(filled, answer)
        slots = [i for i, part in enumerate(filled) if isinstance(part, Slot)]
        message, reply = texts[: slots[0]], texts[slots[0] :]
        line = (
            *self.opening,
            *_stripped(message),
            *self.closing,
            self._reply_start(message),
            *reply,
        )
        user = len(self.opening)
        shift = user + len(self.closing) + 1
        part_starts = [i + (user if i < slots[0] else shift) for i in range(len(filled))]
        return EncodedChatText(line, part_starts, [part_starts[i] for i in slots])

    def _reply_start(self, message: TokenizerInput) -> str:
        """Return the reply up to the answer, with a space if one stands before the slot."""
        before = [part for part in message if part != ""]
        prefix = self.answer_prefix or ""
        spaced = not before or (isinstance(before[-1], str) and before[-1][-1].isspace())
        return prefix + " " if prefix and spaced and not prefix[-1].isspace() else prefix


def _texts(filled: Filled, answer: Answer) -> TokenizerInput:
    answers = dict(answer)
    return tuple(_text(part, answers) for part in filled)


def _text(part: FilledPart, answers: Mapping[str, str]) -> str | int:
    return answers.get(part.name, "") if isinstance(part, Slot) else text_or_placeholder(part)


def _stripped(texts: TokenizerInput) -> TokenizerInput:
    """Return the parts without white space at the ends of the whole line."""
    parts = list(texts)
    _strip(parts, range(len(parts)), str.lstrip)
    _strip(parts, reversed(range(len(parts))), str.rstrip)
    return tuple(parts)


def _strip(parts: list[str | int], order: Iterable[int], strip: Callable[[str], str]) -> None:
    """Strip the parts in this order up to the first one that is not empty then."""
    for i in order:
        part = parts[i]
        if isinstance(part, str):
            part = parts[i] = strip(part)
        if part != "":
            return


@dataclass
class FixedClock:
    """The `datetime` of chat templates: always one day, so that a prompt is the same on any day.

    It is the day that Llama 3's templates write where there is no clock.
    """

    was_read: bool = False

    def now(self) -> datetime:
        """Return the day, and remember that a template writes it."""
        self.was_read = True
        return DAY


def chat_of(
    tokenizer: Any,
    control: Mapping[str, int],
    spec: str,
    system: str | None,
    answer_prefix: str | None,
) -> Chat:
    """Return the chat of the tokenizer's template. Raise ModelError if it cannot be used."""
    from transformers.utils import chat_template_utils

    turns = [{"role": "user", "content": USER}]
    if system is not None:
        turns.insert(0, {"role": "system", "content": SYSTEM})
    clock = FixedClock()

    def rendered() -> str:
        with patched(chat_template_utils, datetime=clock):  # where `strftime_now` reads it
            text: str = tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True
            )
        return text

    def error_of(error: BaseException) -> ModelError:
        return _template_error(spec, f"refuses the messages: {first_words(error)}")

    with foreign_errors(error_of):
        text, again = rendered(), rendered()
    if text != again:
        raise _template_error(spec, "writes another text each time")
    halves = text.split(USER)
    if len(halves) != 2 or (SYSTEM in text) != (system is not None):
        raise _template_error(spec, "changes or drops the messages")
    opening, closing = (_controlled(half, control, system or "") for half in halves)
    date = DAY.date().isoformat() if clock.was_read else None
    return Chat(
        opening,
        closing,
        answer_prefix,
        date=date,
        rendered_sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


def _template_error(spec: str, problem: str) -> ModelError:
    return ModelError(f"the chat template of {spec!r} {problem}; use `chat` off")


def _controlled(text: str, control: Mapping[str, int], system: str) -> TokenizerInput:
    """Return the template's text, in which names of control tokens stand for them."""
    names = sorted([*control, SYSTEM], key=len, reverse=True)
    pieces = re.split("(" + "|".join(map(re.escape, names)) + ")", text)
    means: dict[str, str | int] = {**control, SYSTEM: system}
    return tuple(means.get(piece, piece) for piece in pieces if piece)


def template_sha256(tokenizer: Any) -> str:
    """Return the hash of the chat template, which results record."""
    return hashlib.sha256(tokenizer.get_chat_template().encode()).hexdigest()
