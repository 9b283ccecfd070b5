"""Predictions of one prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Scores = Mapping[str, object]  # metric name -> number, as prompts.json holds them


Floats = NDArray[np.float64]


Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Predictions:
    """Predictions of one prompt for some examples; axes are (example,) unless given.

    `log_right` is log p(right label | input), -inf where no right object is among the candidates,
    or no right answer among an example's choices; `rank` is the place of the best right label, from
    1 (0 where there is none).
    """

    labels: tuple[str, ...]
    targets: tuple[tuple[str, ...], ...]  # the right labels of each example
    log_right: Floats
    predicted: Ints  # indices into labels
    rank: Ints
    log_probs: Floats | None = None  # (example, label), kept of up to `labelling.LISTED` labels
    # (example, choice) in the order of its choices, -inf beyond them; None without choices.
    choice_log_probs: Floats | None = field(default=None, kw_only=True)

    @property
    def hits(self) -> NDArray[np.bool_]:
        """True where the first choice is right; of equals, the first label is the choice."""
        return np.equal(self.rank, 1)

    @property
    def ties(self) -> int:
        """Number of examples whose best labels are equal; 0 where no log-probabilities are kept."""
        if self.log_probs is None:
            return 0
        best = self.log_probs.max(axis=1, keepdims=True)
        return int(((self.log_probs == best).sum(axis=1) > 1).sum())

    def on_rows(self, rows: Sequence[int]) -> "Predictions":
        """Return the predictions for some of the examples, by their indices."""
        chosen = list(rows)
        return replace(
            self,
            targets=tuple(self.targets[row] for row in chosen),
            log_right=self.log_right[chosen],
            predicted=self.predicted[chosen],
            rank=self.rank[chosen],
            log_probs=None if self.log_probs is None else self.log_probs[chosen],
            choice_log_probs=(
                None if self.choice_log_probs is None else self.choice_log_probs[chosen]
            ),
        )

    @property
    def gold(self) -> Ints:
        """The right label of each example, as an index into labels (classification)."""
        index = {label: i for i, label in enumerate(self.labels)}
        return np.array([index[right[0]] for right in self.targets], dtype=np.int64)


@dataclass(frozen=True)
class TagPredictions(Predictions):
    """Predictions of one prompt for sentences, a tag for each word.

    `log_right` is the mean of the words' log p(right tag); `rank` is 1 where all tags are right,
    else 2; `predicted` and `log_probs` say nothing.
    """

    counts: Ints = field(default_factory=lambda: np.zeros((0, 5), dtype=np.int64))
    # () where only their counts are known:
    tags: tuple[tuple[str, ...], ...] = ()  # predicted
    gold_tags: tuple[tuple[str, ...], ...] = ()

    def on_rows(self, rows: Sequence[int]) -> "TagPredictions":
        """Return the predictions for some of the sentences, by their indices."""
        chosen = list(rows)
        tags, gold_tags = (
            tuple(each[row] for row in chosen) if each else ()
            for each in (self.tags, self.gold_tags)
        )
        part = super().on_rows(chosen)
        assert isinstance(part, TagPredictions)
        return replace(part, counts=self.counts[chosen], tags=tags, gold_tags=gold_tags)
