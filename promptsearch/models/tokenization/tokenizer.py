"""Text to token ids, with control tokens that only our code can write.

A `TokenizerInput` is text with control tokens in it: strings and ids in turn. Strings are data;
control tokens that they spell (`[MASK]`, `</s>`) stay text. The ids are still those of the whole
string.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, Protocol

from promptsearch.errors import ModelError
from promptsearch.models.foreign_errors import first_words, foreign_errors
from promptsearch.models.tokenization.control_tokens import (
    ANCHOR,
    PRIVATE,
    TRIGGER_PLACEHOLDER,
    marker,
    with_markers,
)

TokenizerInput = tuple[str | int, ...]
STAND_INS = ("the", "a", "is", "in", "of", "to", "it", "and", "I", "\u7684", "\u4e00")


@dataclass(frozen=True)
class Located:
    """The ids of one line, and the character positions of each token and each part."""

    ids: list[int]
    spans: list[tuple[int, int]]  # characters [start, end) of each token; (0, 0) for added ones
    starts: list[int]  # first character of each part of the line


class Tokens(Protocol):
    """A tokenizer with two alphabets: text, and control tokens that no text can spell."""

    @property
    def lead(self) -> int:
        """Count of control tokens that the tokenizer puts before every text."""
        ...

    @property
    def tail(self) -> int:
        """Count of control tokens that the tokenizer puts after every text."""
        ...

    def encode(self, lines: Sequence[TokenizerInput], special: bool = True) -> list[list[int]]:
        """Return the ids of each line, with the tokenizer's frame of special tokens or without."""
        ...

    def encode_from(
        self, lines: Sequence[TokenizerInput], parts: Sequence[int], special: bool = True
    ) -> list[tuple[list[int], int]]:
        """Return the ids of each line, and the first token of part `parts[i]` and its space."""
        ...

    def locate(self, lines: Sequence[TokenizerInput], special: bool = True) -> list[Located]:
        """Return the ids with their positions in the text."""
        ...

    def encode_continuation(self, lines: Sequence[TokenizerInput]) -> list[list[int]]:
        """Return the ids of lines that follow a text: `" great"` or `"great"`."""
        ...


class FastTokens:
    """A Rust tokenizer: private copies in which control tokens have unspellable names."""

    def __init__(self, backend: Any, control: dict[str, int]) -> None:
        self._state: str = backend.to_str()
        self._control = control
        self._copies: dict[str, Any] = {}
        probe = self._copy(PRIVATE[0]).encode("a").special_tokens_mask
        self.lead = next((i for i, added in enumerate(probe) if not added), len(probe))
        self.tail = sum(probe) - self.lead

    def encode(self, lines: Sequence[TokenizerInput], special: bool = True) -> list[list[int]]:
        base = unused_base(lines)
        if any(TRIGGER_PLACEHOLDER in line for line in lines):
            return [ids for ids, *_ in self._encode_with_triggers(lines, base, special)]
        joined = [join(line, base) for line in lines]
        with readable_texts():
            encodings = self._copy(base).encode_batch_fast(joined, add_special_tokens=special)
        return [encoding.ids for encoding in encodings]

    def encode_from(
        self, lines: Sequence[TokenizerInput], parts: Sequence[int], special: bool = True
    ) -> list[tuple[list[int], int]]:
        base, lead = unused_base(lines), self.lead * special
        return [
            (ids, _token_at(encoding, text, len(join(line[:part], base)), lead))
            for (ids, encoding, line, text), part in zip(
                self._encode_with_triggers(lines, base, special), parts, strict=True
            )
        ]

    def locate(self, lines: Sequence[TokenizerInput], special: bool = True) -> list[Located]:
        base = unused_base(lines)
        return [
            Located(ids, encoding.offsets, starts(line, base))
            for ids, encoding, line, _ in self._encode_with_triggers(lines, base, special)
        ]

    def encode_continuation(self, lines: Sequence[TokenizerInput]) -> list[list[int]]:
        base = unused_base(lines)
        if any(TRIGGER_PLACEHOLDER in line for line in lines):
            anchored = [(ANCHOR, *line) for line in lines]
            return [ids[1:] for ids, *_ in self._encode_with_triggers(anchored, base, False)]
        joined = [marker(base, ANCHOR) + join(line, base) for line in lines]
        with readable_texts():
            encodings = self._copy(base).encode_batch_fast(joined, add_special_tokens=False)
        return [encoding.ids[1:] for encoding in encodings]

    def _encode_with_triggers(
        self, lines: Sequence[TokenizerInput], base: str, special: bool
    ) -> Iterator[tuple[list[int], Any, TokenizerInput, str]]:
        """Yield ids with placeholders, and the line with stand-in words for them.

        Also the encoding and the joined string of the latter. A stand-in is a word, since text
        after a trigger is to be read as after a word.
        """
        with_words = [
            tuple(self._stand_ins(line)) if TRIGGER_PLACEHOLDER in line else line for line in lines
        ]
        joined = [join(line, base) for line in with_words]
        with readable_texts():
            encodings = self._copy(base).encode_batch(joined, add_special_tokens=special)
        for line, words, text, encoding in zip(lines, with_words, joined, encodings, strict=True):
            ids = list(encoding.ids)
            if TRIGGER_PLACEHOLDER in line:
                for part, word, start in zip(line, words, starts(words, base), strict=True):
                    if part == TRIGGER_PLACEHOLDER:
                        ids[_standing(encoding, start, start + len(str(word)))] = (
                            TRIGGER_PLACEHOLDER
                        )
            yield ids, encoding, words, text

    def _stand_ins(self, line: TokenizerInput) -> Iterator[str | int]:
        at_start = True  # whether nothing stands before
        for part in line:
            if part == TRIGGER_PLACEHOLDER:
                yield self.stand_in if at_start else f" {self.stand_in}"
            else:
                yield part
            at_start = at_start and part == ""

    @cached_property
    def stand_in(self) -> str:
        """A word for placeholders that is one token, at the start of a text and inside it."""
        copy, base = self._copy(PRIVATE[0]), marker(PRIVATE[0], ANCHOR)
        for word in STAND_INS:
            start, inside = copy.encode_batch([word, f"{base}a {word}"], add_special_tokens=False)
            before = len(copy.encode(f"{base}a", add_special_tokens=False).ids)
            if len(start.ids) == 1 and len(inside.ids) == before + 1:
                return word
        raise ModelError("triggers need a tokenizer in which a short word is one token")

    def _copy(self, base: str) -> Any:
        if base not in self._copies:
            self._copies[base] = with_markers(self._state, self._control, base)
        return self._copies[base]


def readable_texts() -> AbstractContextManager[None]:
    """Return a guard around a tokenizer's reading: some have no token for what they do not know."""
    return foreign_errors(
        lambda error: ModelError(
            f"the model's tokenizer cannot read a text: {first_words(error)}; use another model, "
            "or put its unknown token into its vocabulary"
        )
    )


def unused_base(lines: Sequence[TokenizerInput]) -> str:
    """Return a private-use character that no string of the lines holds."""
    for base in PRIVATE:
        if not any(isinstance(part, str) and base in part for line in lines for part in line):
            return base
    raise ModelError(
        f"the texts hold all {len(PRIVATE)} private-use characters from U+{ord(PRIVATE[0]):X} on, "
        "which are needed to tell slots from text; remove one of them from the data"
    )


def join(line: TokenizerInput, base: str) -> str:
    """Return one string, control tokens written by their private names."""
    return "".join([part if isinstance(part, str) else marker(base, part) for part in line])


def starts(line: TokenizerInput, base: str) -> list[int]:
    """Return the first character of each part in the joined string."""
    return [0, *accumulate(len(join((part,), base)) for part in line)][:-1]


def _standing(encoding: Any, start: int, end: int) -> int:
    """Return the token of the word that ends a part."""
    token = encoding.char_to_token(end - 1)
    if token is None or encoding.offsets[token][1] != end or encoding.offsets[token][0] < start:
        raise ModelError(
            "a trigger or soft token cannot stand right before the text after it, which would be "
            "read as part of the same word; put a space after [T] or [S]"
        )
    return int(token)


def _token_at(encoding: Any, text: str, start: int, lead: int) -> int:
    """Return the token with the first character of an answer, or with the space before it."""
    if start == 0:
        return lead
    for position in range(start - (text[start - 1] == " "), len(text)):
        token = encoding.char_to_token(position)
        if token is not None:
            return int(token)
    return len(encoding.ids)
