"""Where the words of a sentence stand among the tokens of a text that holds it."""

from collections.abc import Iterator, Sequence
from typing import Literal

from promptsearch.models.tokenization.encode import line_of
from promptsearch.models.tokenization.tokenizer import Located, Tokens
from promptsearch.prompt import Filled, Input

Piece = Literal["first", "last"]  # of the tokens of a word


def word_positions(
    texts: Sequence[Filled], tokens: Tokens, control: int, piece: Piece
) -> list[tuple[list[int], list[int]]]:
    """Return the ids of each text, and the position in them of each word of its first input.

    Words are what single spaces separate. A word that the tokenizer leaves out has the position of
    what follows it, or the last one.
    """
    lines = [line_of(text, [control]) for text in texts]
    results = []
    for text, located in zip(texts, tokens.locate(lines), strict=True):
        index = next(i for i, part in enumerate(text) if isinstance(part, Input))
        part = text[index]
        assert isinstance(part, Input)
        words = _spans(part.text, located.starts[index])
        results.append((located.ids, [_position(located, word, piece) for word in words]))
    return results


def _spans(text: str, start: int) -> Iterator[tuple[int, int]]:
    """Yield the first character of each word of a text that begins at `start`, and its end."""
    for word in text.split(" "):
        yield start, start + len(word)
        start += len(word) + 1


def _position(located: Located, word: tuple[int, int], piece: Piece) -> int:
    """Return the first or the last token that has a character of a word."""
    start, end = word
    inside = [i for i, (a, b) in enumerate(located.spans) if a < end and b > start and a < b]
    if inside:
        return inside[0] if piece == "first" else inside[-1]
    later = (i for i, (a, b) in enumerate(located.spans) if b > start and a < b)
    return next(later, len(located.ids) - 1)
