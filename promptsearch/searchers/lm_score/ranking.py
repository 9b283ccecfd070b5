"""From what each template is worth on each example to an order of templates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Choose = Literal["relation", "example"]


@dataclass(frozen=True, eq=False)
class TemplateRanking:
    """Every example's opinion of every template; ties go to the earlier template."""

    worths: NDArray[np.float64]  # (template, example)

    @property
    def means(self) -> NDArray[np.float64]:
        """(template,): the mean over the examples."""
        means: NDArray[np.float64] = self.worths.mean(axis=1)
        return means

    @property
    def choices(self) -> NDArray[np.int64]:
        """(example,): the template that is best for it."""
        choices: NDArray[np.int64] = self.worths.argmax(axis=0)
        return choices

    @property
    def votes(self) -> NDArray[np.int64]:
        """(template,): how many examples choose it."""
        return np.bincount(self.choices, minlength=len(self.worths))

    def order(self, choose: Choose) -> Sequence[int]:
        """The templates, best first: by their means, or by votes and then by means."""
        first = -self.votes if choose == "example" else np.zeros(len(self.worths))
        keys = zip(first.tolist(), (-self.means).tolist(), range(len(self.worths)), strict=True)
        return [index for *_, index in sorted(keys)]

    def evidence(self, template: int) -> dict[str, object]:
        """What a prompt's source says of it."""
        votes = int(self.votes[template])
        share = votes / self.worths.shape[1]
        return {"lm_score": float(self.means[template]), "votes": votes, "share": share}
