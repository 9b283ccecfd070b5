"""Predictions of one prompt for a task of generation: likelihoods of references, and texts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from promptsearch.metrics import text_metrics
from promptsearch.metrics.predictions import Floats, Ints, Predictions
from promptsearch.prompt.verbalizer import ANY_TEXT


@dataclass(frozen=True)
class GenerationPredictions(Predictions):
    """Predictions of one prompt for examples that are answered with any text.

    `log_right` is the mean over an example's references of their log p; `rank` is 1 where the text
    is a reference (exact match), else 2; `predicted` and `log_probs` say nothing.
    """

    texts: tuple[str, ...] = ()  # as the model wrote them; () where it wrote none

    @classmethod
    def of(
        cls, targets: Sequence[tuple[str, ...]], log_right: Floats, texts: Sequence[str] = ()
    ) -> "GenerationPredictions":
        """Return the predictions for examples with these references."""
        none = np.zeros(len(targets), dtype=np.int64)
        predictions = cls(
            (ANY_TEXT,), tuple(targets), log_right, none, none + 2, texts=tuple(texts)
        )
        if not texts:
            return predictions
        return replace(predictions, rank=np.where(predictions.exact_match == 1, 1, 2))

    @cached_property
    def exact_match(self) -> Floats:
        """(example,): 1 where the text is a reference."""
        return text_metrics.per_text(text_metrics.exact_match, self.texts, self.targets)

    @cached_property
    def token_f1(self) -> Floats:
        """(example,) in [0, 1]."""
        return text_metrics.per_text(text_metrics.token_f1, self.texts, self.targets)

    @cached_property
    def rouge_l(self) -> Floats:
        """(example,) in [0, 1]."""
        return text_metrics.per_text(text_metrics.rouge_l, self.texts, self.targets)

    @cached_property
    def chrf(self) -> Floats:
        """(example,) in [0, 100]."""
        return text_metrics.per_text(text_metrics.chrf, self.texts, self.targets)

    @cached_property
    def counts(self) -> Ints:
        """(example, count): what BLEU adds up."""
        pairs = zip(self.texts, self.targets, strict=True)
        rows = [text_metrics.bleu_counts(*pair) for pair in pairs]
        return np.array(rows, dtype=np.int64).reshape(-1, text_metrics.BLEU_COUNTS)

    def on_rows(self, rows: Sequence[int]) -> "GenerationPredictions":
        """Return the predictions for some of the examples, by their indices."""
        part = super().on_rows(rows)
        assert isinstance(part, GenerationPredictions)
        texts = tuple(self.texts[row] for row in rows) if self.texts else ()
        return replace(part, texts=texts)
