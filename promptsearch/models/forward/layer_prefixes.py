"""Prefixes at the layers of a model while it runs, and the keys and values that words would have.

Layers are told apart by the order in which a pass calls their attention: some models share one
module among all of them.
"""

from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor

from promptsearch.errors import ModelError
from promptsearch.models.batching.prefix_tensors import PrefixTensors
from promptsearch.models.forward.attention import KeysValues
from promptsearch.prompt.prefix import SELF


def no_prefix(spec: str) -> ModelError:
    """Return the error of a model whose attention takes no prefix."""
    return ModelError(
        f"a prefix cannot stand before the texts of {spec!r}, whose attention is its own; train "
        "vectors inside the template with `promptsearch soft`"
    )


class PrefixReader:
    """The prefix of one pass, handed out layer by layer."""

    def __init__(self, prefix: PrefixTensors, stack: str = SELF) -> None:
        self._prefix, self._stack = prefix, stack
        self._calls: dict[bool, int] = defaultdict(int)

    def before(self, cross: bool, keys: Tensor, _values: Tensor) -> KeysValues | None:
        """Return the prefix of the next layer, None where it has none."""
        layer = self._calls[cross]
        self._calls[cross] += 1
        rows = self._prefix.at("cross" if cross else self._stack, layer)
        return None if rows is None else (rows[0].to(keys), rows[1].to(keys))


class KeyValueRecorder:
    """Remembers the keys and values of a pass; nothing stands before them."""

    def __init__(self) -> None:
        self._rows: dict[bool, list[KeysValues]] = defaultdict(list)

    def before(self, cross: bool, keys: Tensor, values: Tensor) -> None:
        """Remember those of the next layer."""
        self._rows[cross].append((keys, values))

    def tensors(self, stack: str, tokens: int) -> Mapping[str, Tensor]:
        """Return (layer, key | value, head, token, size), float32, CPU, of the first tokens.

        Raises ValueError if the layers differ in their shapes.
        """
        names = {False: stack, True: "cross"}
        return {
            names[cross]: torch.stack([_stacked(pair, tokens) for pair in pairs])
            for cross, pairs in sorted(self._rows.items())
        }


def _stacked(pair: KeysValues, tokens: int) -> Tensor:
    """Return (key | value, head, token, size)."""
    if pair[0].shape != pair[1].shape:
        raise ValueError("keys and values differ in size")
    return torch.stack([row[:tokens].transpose(0, 1) for row in pair]).float().cpu()
