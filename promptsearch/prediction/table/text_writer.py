"""Writing of texts for any number of rows: each gets what the model writes after the prompt."""

from collections.abc import Sequence
from dataclasses import dataclass

from promptsearch.data import Example
from promptsearch.prediction.table.label_rows import Labeller
from promptsearch.prediction.text_predictor import TextPredictor


@dataclass(frozen=True)
class TextWriter(Labeller):
    """Pipeline from rows to lines: each has the text that its prompts are continued with."""

    def lines(self, rows_and_examples: Sequence[tuple[str, Example]]) -> str:
        """Return the rows' complete lines."""
        if not rows_and_examples:
            return ""
        assert isinstance(self.predictor, TextPredictor), "this kind of task has it"
        texts = self.predictor.texts([example for _, example in rows_and_examples])
        pairs = zip(rows_and_examples, texts, strict=True)
        return "".join(before + self.form.line_end([text]) for (before, _), text in pairs)
