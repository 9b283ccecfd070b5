"""Classification heads: a linear layer that reads a state of the model, in place of answer words.

Liu et al. (2022), "P-Tuning v2", https://arxiv.org/abs/2110.07602, section 3.3.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from promptsearch.errors import PromptError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The first token's state; the one at which an answer is read; one of each word of a sentence.
Reads = Literal["cls", "mask", "token"]


@dataclass(frozen=True)
class Head:
    """A linear layer from a hidden state to the labels, in the order of a verbalizer's.

    Equal if of one model and equal bit by bit.
    """

    digest: str  # sha256 of all that is below
    model: str  # sha256 of the weights of the only model that it means something to
    reads: Reads
    labels: int
    weight: "NDArray[np.float32]" = field(compare=False, repr=False)  # (label, hidden)
    bias: "NDArray[np.float32]" = field(compare=False, repr=False)  # (label,)

    @classmethod
    def of(
        cls,
        weight: "NDArray[np.floating]",
        bias: "NDArray[np.floating]",
        model: str,
        reads: Reads,
    ) -> "Head":
        """Return the head of a weight (label, hidden) and a bias (label,).

        Raises PromptError if they are no head.
        """
        import numpy as np

        if weight.ndim != 2 or not all(weight.shape) or bias.shape != weight.shape[:1]:
            raise PromptError(
                f"a head is a weight (label, hidden) and a bias (label,), not {weight.shape} and "
                f"{bias.shape}"
            )
        values = [np.ascontiguousarray(each, dtype="<f4") for each in (weight, bias)]
        if not all(np.isfinite(each).all() for each in values):
            raise PromptError("the head has NaN or infinite values")
        digest = hashlib.sha256(f"{model} {reads} {weight.shape} ".encode())
        for each in values:
            each.setflags(write=False)
            digest.update(each.tobytes())
        return cls(digest.hexdigest(), model, reads, len(bias), *values)

    def ordered(self, before: Sequence[str], labels: Sequence[str]) -> "Head":
        """Return the head with the rows of labels, which stood in this order, in another one."""
        if tuple(before) == tuple(labels):
            return self
        rows = [before.index(label) for label in labels]
        return Head.of(self.weight[rows], self.bias[rows], self.model, self.reads)
