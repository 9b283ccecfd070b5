"""Soft prompts: vectors of a model's input embedding, where words of a template would stand."""

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptsearch.errors import PromptError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LONGEST = 512  # vectors of one name


@dataclass(frozen=True)
class Vectors:
    """The trained vectors of one name. Equal if they are of one model and equal bit by bit."""

    digest: str  # sha256 of the model's hash, the shape and the float32 bytes
    model: str  # sha256 of the weights of the only model that they mean something to
    rows: "NDArray[np.float32]" = field(compare=False, repr=False)  # (vector, hidden)

    @classmethod
    def of(cls, rows: "NDArray[np.floating]", model: str) -> "Vectors":
        """Return the vectors of rows (vector, hidden); `PromptError` if they are none."""
        import numpy as np

        if rows.ndim != 2 or not all(rows.shape):
            raise PromptError(f"soft prompts are (vector, hidden), not {rows.shape}")
        values = np.ascontiguousarray(rows, dtype="<f4")
        if not np.isfinite(values).all():
            raise PromptError("the vectors of a soft prompt have NaN or infinite values")
        values.setflags(write=False)
        head = f"{model} {values.shape[0]} {values.shape[1]} "
        digest = hashlib.sha256(head.encode() + values.tobytes()).hexdigest()
        return cls(digest, model, values)


@dataclass(frozen=True)
class Soft:
    """So many soft tokens in a template, and their vectors; parts of one name share them.

    A template that is only parsed has none: it is the form of a soft prompt, not one to score.
    """

    name: str = "S"
    length: int = 1
    vectors: Vectors | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.length <= LONGEST:
            raise PromptError(f"[{self.name}:{self.length}]: give 1 to {LONGEST} soft tokens")
        if self.vectors is not None and len(self.vectors.rows) != self.length:
            raise PromptError(
                f"[{self.name}:{self.length}] has {len(self.vectors.rows)} vectors; "
                "give as many as it has soft tokens"
            )

    @property
    def notation(self) -> str:
        """How a template writes it: `[S]`, `[S1:5]`."""
        return f"[{self.name}]" if self.length == 1 else f"[{self.name}:{self.length}]"
