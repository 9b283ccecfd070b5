"""The ranking of templates by their scores on each example."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Choose = Literal["relation", "example"]


@dataclass(frozen=True, eq=False)
class TemplateRanking:
    """The scores of every template on every example; ties go to the earlier template."""

    scores: NDArray[np.float64]  # (template, example)

    @property
    def means(self) -> NDArray[np.float64]:
        """Mean over the examples (template,)."""
        means: NDArray[np.float64] = self.scores.mean(axis=1)
        return means

    @property
    def choices(self) -> NDArray[np.int64]:
        """Best template of each example (example,)."""
        choices: NDArray[np.int64] = self.scores.argmax(axis=0)
        return choices

    @property
    def votes(self) -> NDArray[np.int64]:
        """Number of examples that choose each template (template,)."""
        return np.bincount(self.choices, minlength=len(self.scores))

    def order(self, choose: Choose) -> Sequence[int]:
        """Return the templates, best first: by their means, or by votes and then by means."""
        first = -self.votes if choose == "example" else np.zeros(len(self.scores))
        keys = zip(first.tolist(), (-self.means).tolist(), range(len(self.scores)), strict=True)
        return [index for *_, index in sorted(keys)]

    def evidence(self, template: int) -> dict[str, object]:
        """Return the evidence that a prompt's source gives for a template."""
        votes = int(self.votes[template])
        share = votes / self.scores.shape[1]
        return {"lm_score": float(self.means[template]), "votes": votes, "share": share}
