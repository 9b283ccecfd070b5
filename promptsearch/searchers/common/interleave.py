"""Lists in turn, so that a cut at the end takes the worst of each."""

from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from typing import TypeVar

T = TypeVar("T")


def interleave(lists: Iterable[Iterable[T]]) -> Iterator[T]:
    """Yield the first of every list, then the second of those that have one, ...

    >>> list(interleave(["ab", "c", "def"]))
    ['a', 'c', 'd', 'b', 'e', 'f']
    """
    nothing = object()
    mixed = chain.from_iterable(zip_longest(*lists, fillvalue=nothing))
    return (item for item in mixed if item is not nothing)  # type: ignore[misc]
