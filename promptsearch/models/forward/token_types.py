"""Types of tokens: BERT has two, for the segments of a pair; others have one."""

from typing import Any

from torch import Tensor


def token_types(model: Any, types: Tensor) -> dict[str, Tensor]:
    """Return the input of types, which are 0 or 1; none for models that know no second one."""
    known = getattr(model.config, "type_vocab_size", 0) or 0
    return {"token_type_ids": types} if known > 1 else {}
