"""Truncation of texts that are too long: the longest input, from its right; never the template."""

from collections.abc import Callable, Mapping, Sequence

from promptsearch.errors import ModelError
from promptsearch.models.tokenization.tokenizer import Located, TokenizerInput, Tokens
from promptsearch.prompt import Filled, Input

# Returns the line of a prompt, and the index in it of each part.
Write = Callable[[Filled], tuple[TokenizerInput, Sequence[int]]]


def shortened(filled: Filled, write: Write, tokens: Tokens, room: int, special: bool) -> Filled:
    """Return the prompt with its inputs cut, so that its line has at most `room` tokens.

    Ends fall on token boundaries. Raise ModelError if the template alone has more.
    """
    while True:
        line, part_starts = write(filled)
        (located,) = tokens.locate([line], special)
        excess = len(located.ids) - room
        if excess <= 0:
            return filled
        ends = _ends(filled, located, part_starts, excess)
        if not ends:
            raise ModelError(
                f"the template alone takes {len(located.ids)} tokens with its longest answer, but "
                f"the model has room for {room}; shorten the template"
            )
        filled = tuple(
            Input(part.name, part.text[: ends[i]].rstrip())
            if isinstance(part, Input) and i in ends
            else part
            for i, part in enumerate(filled)
        )


def _ends(
    filled: Filled, located: Located, part_starts: Sequence[int], excess: int
) -> Mapping[int, int]:
    """Return the new end of each input that is cut, in characters, for `excess` tokens less."""
    starts_of_part = {
        i: _token_starts(part.text, located, located.starts[part_starts[i]])
        for i, part in enumerate(filled)
        if isinstance(part, Input)
    }
    ends: dict[int, int] = {}
    for _ in range(excess):
        longest = max(starts_of_part, key=lambda i: len(starts_of_part[i]), default=None)
        if longest is None or not starts_of_part[longest]:
            break
        ends[longest] = starts_of_part[longest].pop()
    return ends


def _token_starts(text: str, located: Located, start: int) -> list[int]:
    """Return the first character, inside the input at `start`, of each of its tokens."""
    end = start + len(text)
    return sorted(
        max(first - start, 0) for first, last in located.spans if first < end and last > start
    )
