"""The counts of layers in a configuration, for each of which modules are built."""

import json
from collections.abc import Iterator
from pathlib import Path

from promptsearch.errors import ModelError, brief

_COUNTED = ("layer", "layers")  # what the names of such counts end with
_MOST = 2000  # ten times what the largest models have; a billion would be built for days


def check_layer_counts(directory: Path, spec: str) -> None:
    """Raise ModelError if config.json has more layers than any model.

    A file that cannot be read is for transformers to refuse.
    """
    try:
        document = json.loads((directory / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return
    for name, count in _numbers(document):
        if name.endswith(_COUNTED) and count > _MOST:
            raise ModelError(
                f"the config.json of {spec!r} has {name} {brief(str(count), 20)}, more than any "
                "model; correct it, or download the file again"
            )


def _numbers(value: object, name: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers of a document by the key that they, or the list they are in, stand at."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _numbers(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _numbers(inner, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield name, value
