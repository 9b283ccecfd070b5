"""Tagging of any number of sentences: the rows' words, read like a task's, get a tag each."""

from collections.abc import Sequence
from dataclasses import dataclass

from promptsearch.data import Example
from promptsearch.metrics.predictions import TagPredictions
from promptsearch.prediction.table.label_rows import Labeller


@dataclass(frozen=True)
class Tagger(Labeller):
    """Pipeline from rows to lines: each has its words' tags, with a space between in a table."""

    def lines(self, rows_and_examples: Sequence[tuple[str, Example]]) -> str:
        """Return the rows' complete lines."""
        if not rows_and_examples:
            return ""
        examples = [example for _, example in rows_and_examples]
        (predictions,) = self.predictor.raw_scorer.judge(
            self.predictor.ensemble.prompts[:1], examples
        )
        assert isinstance(predictions, TagPredictions)
        pairs = zip(rows_and_examples, predictions.tags, strict=True)
        return "".join(before + self.form.line_end([list(tags)]) for (before, _), tags in pairs)
