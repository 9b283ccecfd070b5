"""Rows that are too long: the longest column is cut from its right, never the template."""

from collections.abc import Callable, Sequence

from promptsearch.formats.python.runtime.prompt import Prompt
from promptsearch.formats.python.runtime.tokenizer import EncodedLine

# A prompt's texts in their line, with the first character of each of them.
Encode = Callable[[list[str]], EncodedLine]


def shorten(texts: list[str], prompt: Prompt, room: int, encode: Encode) -> list[str]:
    """Return the texts with their columns cut, at token boundaries, to `room` tokens in all.

    Raise ValueError if the template alone has more.
    """
    texts = list(texts)
    while True:
        line = encode(texts)
        excess = len(line.ids) - room
        if excess <= 0:
            return texts
        offsets = line.encoding.offsets
        cuts = {i: token_starts(offsets, line.starts[i], len(texts[i])) for i in prompt.fields}
        if not any(cuts.values()):
            raise ValueError(
                f"the template alone takes {len(line.ids)} tokens with its longest answer, "
                f"but the model has room for {room}"
            )
        for _ in range(min(excess, sum(map(len, cuts.values())))):
            longest = max(cuts, key=lambda i: len(cuts[i]))
            texts[longest] = texts[longest][: cuts[longest].pop()].rstrip()


def token_starts(offsets: Sequence[tuple[int, int]], start: int, length: int) -> list[int]:
    """Return the first characters of the tokens of a text that begins at `start`, ascending."""
    end = start + length
    firsts = (first for first, last in offsets if first < end and last > start)
    return sorted(max(first - start, 0) for first in firsts)
