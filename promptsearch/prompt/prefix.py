"""Prefixes: keys and values that stand before a text at the layers of a model.

Li and Liang (2021), "Prefix-Tuning", https://arxiv.org/abs/2101.00190; Liu et al. (2022), "P-Tuning
v2", https://arxiv.org/abs/2110.07602.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptsearch.errors import PromptError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    KeysValues = NDArray[np.float32]  # (layer, key | value, head, position, size)

SELF = "self"  # the attention of a model with one stack of layers
ENCODER_DECODER = ("encoder", "decoder", "cross")  # the three of a model with two


@dataclass(frozen=True)
class Prefix:
    """So many positions before a text. Equal if of one model and equal bit by bit.

    A text reads them as if they stood before it: its positions are shifted by their number, also
    at the layers that have none of them.
    """

    digest: str  # sha256 of all that is below
    model: str  # sha256 of the weights of the only model that it means something to
    length: int
    layers: tuple[int, ...]  # from 1, of each stack
    continues: bool  # whether a text goes on after it, as after words: nothing begins there
    tensors: Mapping[str, "KeysValues"] = field(compare=False, repr=False)  # by attention

    @classmethod
    def of(
        cls,
        tensors: Mapping[str, "NDArray[np.floating]"],
        model: str,
        layers: Sequence[int] | None = None,
        *,
        continues: bool = False,
    ) -> "Prefix":
        """Return the prefix of keys and values, (layer, key | value, head, position, size) each.

        They are those of `layers`, by default of as many as there are, from the first. Raises
        PromptError if they are no prefix.
        """
        import numpy as np

        if tuple(tensors) not in ((SELF,), ENCODER_DECODER):
            raise PromptError(f"a prefix has keys and values of {SELF} or {ENCODER_DECODER}")
        values = {name: np.ascontiguousarray(each, dtype="<f4") for name, each in tensors.items()}
        layers = range(1, len(next(iter(values.values()))) + 1) if layers is None else layers
        length = _length(values, len(layers))
        digest = hashlib.sha256(f"{model} {tuple(layers)} {continues} ".encode())
        for name, each in values.items():
            each.setflags(write=False)
            digest.update(f"{name} {each.shape} ".encode() + each.tobytes())
        return cls(digest.hexdigest(), model, length, tuple(layers), continues, values)

    @property
    def size(self) -> int:
        """How many numbers it is."""
        return sum(each.size for each in self.tensors.values())


def _length(values: Mapping[str, "KeysValues"], layers: int) -> int:
    """Return the positions of keys and values; raise PromptError if they are none."""
    import numpy as np

    for name, each in values.items():
        if each.ndim != 5 or each.shape[:2] != (layers, 2) or not all(each.shape):
            raise PromptError(
                f"the keys and values of a prefix are ({layers} layers, 2, heads, positions, "
                f"size), not {each.shape} ({name})"
            )
        if not np.isfinite(each).all():
            raise PromptError(f"the prefix has NaN or infinite values ({name})")
    lengths = {each.shape[3] for each in values.values()}
    if len(lengths) > 1:
        raise PromptError(f"the parts of a prefix differ in their positions: {sorted(lengths)}")
    return int(lengths.pop())
