"""How a model reads a row before it writes a text."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from promptsearch.formats.python.runtime.prompt import Prompt, Row


class TextModel(NamedTuple):
    """A model, and what it reads and writes as tokens."""

    network: Any
    encode: Callable[[Row, Prompt, int], Sequence[int]]  # with room for so many tokens
    decode: Callable[[Any], str]  # the tokens of a text
    start: int  # tokens before the text in what a decoder writes; 0: those that it read
