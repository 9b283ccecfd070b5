"""Labelling of any number of rows with several labels at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from promptsearch.data import Example
from promptsearch.data.tasks.label_set_reader import LabelSetReader
from promptsearch.prediction.multi_label import MultiLabelPredictor
from promptsearch.prediction.table.columns import Value, rounded
from promptsearch.prediction.table.label_rows import Labeller
from promptsearch.prediction.table.line_formats import JsonLines


@dataclass(frozen=True)
class MultiLabeller(Labeller):
    """Pipeline from rows to lines: each has a list of labels, in a table a text, and p of each."""

    def lines(self, rows_and_examples: Sequence[tuple[str, Example]]) -> str:
        """Return the rows' complete lines."""
        if not rows_and_examples:
            return ""
        assert isinstance(self.predictor, MultiLabelPredictor), "of a task of several labels"
        predictions = self.predictor.predict([example for _, example in rows_and_examples])
        shares = 1 / (1 + np.exp(-predictions.log_odds))
        rows = zip(rows_and_examples, predictions.label_sets, shares.tolist(), strict=True)
        return "".join(
            before + self.form.line_end([self._cell(labels), *map(rounded, row_shares)])
            for (before, _), labels, row_shares in rows
        )

    def _cell(self, labels: Sequence[str]) -> Value:
        """Return a set of labels: as a list, or as the text that the task reads."""
        if isinstance(self.form, JsonLines):
            return list(labels)
        assert isinstance(self.reader, LabelSetReader), "of a task of several labels"
        return self.reader.separator.join(labels)
