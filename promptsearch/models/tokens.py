"""Text to token ids, where only we can write control tokens.

A `Line` is text with control tokens in it: strings and ids in turn. Strings are data; whatever
they spell (`[MASK]`, `</s>`) stays text. The ids are still those of the whole string.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Protocol

from promptsearch.errors import ModelError
from promptsearch.models.markers import ANCHOR, HOLE, PRIVATE, marker, with_markers

Line = tuple[str | int, ...]


@dataclass(frozen=True)
class Located:
    """The ids of one line, and where each token and each part stands in the joined string."""

    ids: list[int]
    spans: list[tuple[int, int]]  # characters [start, end) of each token; (0, 0) for added ones
    starts: list[int]  # first character of each part of the line


class Tokens(Protocol):
    """A tokenizer seen as two alphabets: text, and control tokens that no text can spell."""

    @property
    def lead(self) -> int:
        """How many control tokens the tokenizer puts before every text."""
        ...

    @property
    def tail(self) -> int:
        """How many it puts after every text."""
        ...

    @property
    def hole(self) -> int:
        """The id as which a `HOLE` comes out: that of no token."""
        ...

    def encode(self, lines: Sequence[Line], special: bool = True) -> list[list[int]]:
        """Token ids of each line; `special` adds what the tokenizer puts around a text."""
        ...

    def encode_from(
        self, lines: Sequence[Line], parts: Sequence[int], special: bool = True
    ) -> list[tuple[list[int], int]]:
        """Ids of each line, and the first token of its part `parts[i]`, with the space before."""
        ...

    def locate(self, lines: Sequence[Line], special: bool = True) -> list[Located]:
        """Ids with their places."""
        ...

    def glued(self, lines: Sequence[Line]) -> list[list[int]]:
        """Ids of lines that follow something: `" great"` after a space, `"great"` without one."""
        ...


class FastTokens:
    """The Rust tokenizers: private copies in which control tokens have unspellable names."""

    def __init__(self, backend: Any, control: dict[str, int]) -> None:
        self._state: str = backend.to_str()
        self._control = control
        self._copies: dict[str, Any] = {}
        probe = self._copy(PRIVATE[0]).encode("a").special_tokens_mask
        self.lead = next((i for i, added in enumerate(probe) if not added), len(probe))
        self.tail = sum(probe) - self.lead
        self.hole: int = self._copy(PRIVATE[0]).token_to_id(marker(PRIVATE[0], HOLE))

    def encode(self, lines: Sequence[Line], special: bool = True) -> list[list[int]]:
        base = unused_base(lines)
        joined = [join(line, base) for line in lines]
        encodings = self._copy(base).encode_batch_fast(joined, add_special_tokens=special)
        return [encoding.ids for encoding in encodings]

    def encode_from(
        self, lines: Sequence[Line], parts: Sequence[int], special: bool = True
    ) -> list[tuple[list[int], int]]:
        base = unused_base(lines)
        joined = [join(line, base) for line in lines]
        encodings = self._copy(base).encode_batch(joined, add_special_tokens=special)
        return [
            (e.ids, _token_at(e, text, len(join(line[:part], base)), self.lead * special))
            for e, text, line, part in zip(encodings, joined, lines, parts, strict=True)
        ]

    def locate(self, lines: Sequence[Line], special: bool = True) -> list[Located]:
        base = unused_base(lines)
        joined = [join(line, base) for line in lines]
        encodings = self._copy(base).encode_batch(joined, add_special_tokens=special)
        return [
            Located(e.ids, e.offsets, starts(line, base))
            for e, line in zip(encodings, lines, strict=True)
        ]

    def glued(self, lines: Sequence[Line]) -> list[list[int]]:
        base = unused_base(lines)
        joined = [marker(base, ANCHOR) + join(line, base) for line in lines]
        encodings = self._copy(base).encode_batch_fast(joined, add_special_tokens=False)
        return [encoding.ids[1:] for encoding in encodings]

    def _copy(self, base: str) -> Any:
        if base not in self._copies:
            self._copies[base] = with_markers(self._state, self._control, base)
        return self._copies[base]


def unused_base(lines: Sequence[Line]) -> str:
    """A private-use character that no string of the lines holds."""
    for base in PRIVATE:
        if not any(isinstance(part, str) and base in part for line in lines for part in line):
            return base
    raise ModelError(
        f"the texts hold all {len(PRIVATE)} private-use characters from U+{ord(PRIVATE[0]):X} on, "
        "which are needed to tell slots from text; remove one of them from the data"
    )


def join(line: Line, base: str) -> str:
    """One string, control tokens written by their private names."""
    return "".join([part if isinstance(part, str) else marker(base, part) for part in line])


def starts(line: Line, base: str) -> list[int]:
    """First character of each part in the joined string."""
    return [0, *accumulate(len(join((part,), base)) for part in line)][:-1]


def _token_at(encoding: Any, text: str, start: int, lead: int) -> int:
    """The token that holds the first character of an answer, or the space before it."""
    if start == 0:
        return lead
    for place in range(start - (text[start - 1] == " "), len(text)):
        token = encoding.char_to_token(place)
        if token is not None:
            return int(token)
    return len(encoding.ids)
