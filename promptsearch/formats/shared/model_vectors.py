"""Vectors in the files of other tools, bound to the model that they are of."""

from typing import TYPE_CHECKING

from promptsearch.errors import PromptError
from promptsearch.formats.importing.contents import ImportOptions, Location
from promptsearch.models import LanguageModel
from promptsearch.prompt import Slot, Soft, Template, Vectors

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def model_of(location: Location, options: ImportOptions) -> LanguageModel:
    """Return the model that vectors are of. Raises DataError if the user names none."""
    if options.model is None:
        raise location.error("its vectors mean something to one model only; name it with `model`")
    return options.model


def check_shape(location: Location, shape: tuple[int, ...], model: LanguageModel) -> None:
    """Raise DataError if an array is not (vector, hidden) of the model's embedding.

    It is asked before the numbers are read: a header may promise any size.
    """
    from promptsearch.models.forward.embedding_table import embedding_weight
    from promptsearch.models.frozen_model import frozen_model

    if len(shape) != 2 or not all(shape):
        raise location.error(f"its vectors are {shape}, not (vector, hidden); fetch it again")
    hidden = embedding_weight(frozen_model(model).runtime.model).shape[1]
    if shape[1] != hidden:
        raise location.error(
            f"its vectors have {shape[1]} numbers each, but those of {model.info.spec!r} have "
            f"{hidden}; name the model that they were trained with as `model`"
        )


def bound(location: Location, rows: "NDArray[np.float32]", model: LanguageModel) -> Vectors:
    """Return rows (vector, hidden) as vectors of the model.

    Raises DataError if they have NaN or infinite values.
    """
    try:
        return Vectors.of(rows, model.info.sha256)
    except PromptError as error:
        raise location.error(f"{error}; fetch it again") from None


def check_order(location: Location, template: Template, model: LanguageModel) -> None:
    """Raise DataError if vectors follow a slot of a causal model, which would predict them."""
    if model.info.family != "causal":
        return
    kinds = [type(part) for part in template.parts if isinstance(part, Slot | Soft)]
    if Soft in kinds[kinds.index(Slot) :]:
        raise location.error(
            f"{template.notation!r} has vectors behind its slot, where {model.info.spec!r} "
            "predicts what it reads, and a vector is no word; name a masked model as `model`"
        )
