"""Prefixes in the layout of peft's prefix tuning: a row of numbers for each position.

A row is (layer, key | value, head, size), flat. With grouped heads the heads are those of keys and
values.
"""

from typing import TYPE_CHECKING

from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel
from promptsearch.prompt import Prefix
from promptsearch.prompt.prefix import SELF

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MASKED = ("bert", "roberta")  # types of masked models of which peft puts a prefix before texts


def attention_shape(model: LanguageModel) -> tuple[int, int, int]:
    """Return the layers, heads and size of keys and values of a model with one stack of layers.

    Raises ModelError where a prefix cannot stand before its texts.
    """
    from promptsearch.models.training.start_prefix import StartPrefix

    return StartPrefix(model, lambda count: range(1, count + 1), 0).shapes[SELF]


def check_peft_reads(model: LanguageModel) -> None:
    """Raise ModelError, which begins with the reason, if peft does not read prefixes as here."""
    from promptsearch.models.frozen_model import frozen_model

    if model.info.family == "seq2seq":
        raise ModelError(
            f"peft gives the decoder's layers of {model.info.spec!r} each other's keys and values "
            "(i and i + half of all share theirs), and its encoder none"
        )
    config = frozen_model(model).runtime.model.config
    if model.info.family == "masked" and config.model_type not in MASKED:
        raise ModelError(
            f"peft puts prefixes before the texts of masked models of {' and '.join(MASKED)} only, "
            f"and {model.info.spec!r} is {config.model_type}"
        )


def rows_of(prefix: Prefix) -> "NDArray[np.float32]":
    """Return (position, layer x key | value x head x size)."""
    import numpy as np

    positions_first = prefix.tensors[SELF].transpose(3, 0, 1, 2, 4)
    return np.ascontiguousarray(positions_first.reshape(prefix.length, -1))


def prefix_of(rows: "NDArray[np.float32]", model: LanguageModel) -> Prefix:
    """Return the prefix of rows that are as wide as the model's. Raises PromptError for NaN."""
    layers, heads, size = attention_shape(model)
    values = rows.reshape(len(rows), layers, 2, heads, size).transpose(1, 2, 3, 0, 4)
    return Prefix.of({SELF: values}, model.info.sha256)
