"""Putting the text of a program together from parts that are wanted or not.

A line `#? WORDS` begins lines that are kept where all the words hold (`!word`: where it does not);
`#?` alone begins lines that are always kept. `<<name>>` stands for a value.
"""

import re
from collections.abc import Collection, Iterator, Mapping

CONDITION = "#?"
_VALUE = re.compile(r"<<(\w+)>>")


def composed(text: str, flags: Collection[str], values: Mapping[str, str]) -> str:
    """The text with the lines that the flags ask for, and the values in their places."""
    lines = "".join(_kept(text, flags))
    return _VALUE.sub(lambda match: values[match[1]], lines)


def _kept(text: str, flags: Collection[str]) -> Iterator[str]:
    keep = True
    for line in text.splitlines(keepends=True):
        if line.startswith(CONDITION):
            words = line.removeprefix(CONDITION).split()
            keep = all((word.removeprefix("!") in flags) != word.startswith("!") for word in words)
        elif keep:
            yield line
