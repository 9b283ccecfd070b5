"""Which layers of a model have a prefix, in the notation of `--layers`."""

import re
from collections.abc import Sequence

from promptsearch.errors import RunError

ALL = "all"
_RANGE = re.compile(r"(?P<first>\d+)(?:-(?P<last>\d+))?")
_END = re.compile(r"(?P<end>first|last):(?P<count>\d+)")


def layers_of(notation: str, count: int) -> Sequence[int]:
    """Return the layers, from 1, that a notation names of so many.

    `all`, `9-12`, `7`, `last:8`, `first:2`. Raises RunError if there are no such layers.
    """
    if notation == ALL:
        return range(1, count + 1)
    if match := _RANGE.fullmatch(notation):
        first = int(match["first"])
        layers = range(first, int(match["last"] or first) + 1)
    elif match := _END.fullmatch(notation):
        few = int(match["count"])
        layers = range(1, few + 1) if match["end"] == "first" else range(count - few + 1, count + 1)
    else:
        raise RunError(
            f"`layers` {notation!r} names no layers; write all, 9-12, 7, last:8 or first:2"
        )
    if not layers:
        raise RunError(f"`layers` {notation} names no layers: give the lower number first")
    if layers[0] < 1 or layers[-1] > count:
        raise RunError(f"`layers` {notation}: the model has the layers 1 to {count}")
    return layers


def check_layers(notation: str) -> None:
    """Raise RunError for what is no notation of layers, without a model."""
    numbers = [int(number) for number in re.findall(r"\d+", notation[:64])]
    if 0 in numbers:
        raise RunError(f"`layers` {notation} has a 0; layers are counted from 1")
    layers_of(notation, max(1, sum(numbers)))
