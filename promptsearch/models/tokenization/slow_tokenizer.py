"""Tokenizers that exist in Python only: text between control tokens is encoded on its own."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from promptsearch.models.tokenization.tokenizer import Located, TokenizerInput, readable_texts


class SlowTokens:
    """A Python tokenizer. Text beside a control token is encoded alone; positions are estimates."""

    def __init__(self, tokenizer: Any, control: dict[str, int]) -> None:
        self._tokenizer = tokenizer
        self._control = frozenset(control.values()) - {tokenizer.unk_token_id}
        probe = tokenizer.build_inputs_with_special_tokens([-1])
        self.lead = probe.index(-1)
        self.tail = len(probe) - self.lead - 1

    def encode(self, lines: Sequence[TokenizerInput], special: bool = True) -> list[list[int]]:
        return [self._ids(line, special) for line in lines]

    def encode_from(
        self, lines: Sequence[TokenizerInput], parts: Sequence[int], special: bool = True
    ) -> list[tuple[list[int], int]]:
        return [self._from(line, part, special) for line, part in zip(lines, parts, strict=True)]

    def locate(self, lines: Sequence[TokenizerInput], special: bool = True) -> list[Located]:
        return [self._located(line, special) for line in lines]

    def encode_continuation(self, lines: Sequence[TokenizerInput]) -> list[list[int]]:
        return [self._ids(line, False) for line in lines]

    def _ids(self, line: TokenizerInput, special: bool) -> list[int]:
        ids: list[int] = []
        for piece in piecewise(line):
            ids += [piece] if isinstance(piece, int) else self._text(piece)
        return self._tokenizer.build_inputs_with_special_tokens(ids) if special else ids

    def _text(self, text: str) -> list[int]:
        """Return the ids of plain text; spelled control tokens are broken up, so they stay text."""
        with readable_texts():
            ids = list(
                self._tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)
            )
        if self._control.isdisjoint(ids) or len(text) < 2:
            return [token for token in ids if token not in self._control]
        middle = len(text) // 2
        return self._text(text[:middle]) + self._text(text[middle:])

    def _from(self, line: TokenizerInput, part: int, special: bool) -> tuple[list[int], int]:
        ids = self._ids(line, special)
        before = piecewise(line[:part])
        if before and isinstance(before[-1], str):
            before[-1] = before[-1].removesuffix(" ")
        prefix = ids[: self.lead * special] + self._ids(tuple(before), False)
        same = (i for i, (a, b) in enumerate(zip(prefix, ids, strict=False)) if a != b)
        return ids, next(same, min(len(prefix), len(ids)))

    def _located(self, line: TokenizerInput, special: bool) -> Located:
        """Return ids and estimated positions, tokens of a piece taken to be equally long.

        That is good enough to cut a text, and then cut it again.
        """
        spans: list[tuple[int, int]] = [(0, 0)] * (self.lead * special)
        position, starts = 0, []
        for piece in piecewise(line):
            length = 1 if isinstance(piece, int) else len(piece)
            count = 1 if isinstance(piece, int) else len(self._text(piece))
            edges = [position + length * i // max(count, 1) for i in range(count + 1)]
            spans += pairwise(edges)
            position += length
        position = 0
        for part in line:
            starts.append(position)
            position += 1 if isinstance(part, int) else len(part)
        return Located(self._ids(line, special), spans + [(0, 0)] * (self.tail * special), starts)


def piecewise(line: TokenizerInput) -> list[str | int]:
    """Return the line with neighbouring strings joined."""
    pieces: list[str | int] = []
    for part in line:
        last = pieces[-1] if pieces else None
        if isinstance(part, str) and isinstance(last, str):
            pieces[-1] = last + part
        else:
            pieces.append(part)
    return pieces
