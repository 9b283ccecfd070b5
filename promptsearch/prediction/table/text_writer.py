"""Writing of texts for any number of rows: each gets what the model writes after the prompt."""

from collections.abc import Sequence
from dataclasses import dataclass

from promptsearch.data import Example
from promptsearch.prediction.table.label_rows import Labeller
from promptsearch.scoring.generation_scorer import GenerationScorer


@dataclass(frozen=True)
class TextWriter(Labeller):
    """Pipeline from rows to lines: each has the text that its prompt is continued with."""

    def lines(self, rows_and_examples: Sequence[tuple[str, Example]]) -> str:
        """Return the rows' complete lines."""
        if not rows_and_examples:
            return ""
        scorer = self.predictor.raw_scorer
        assert isinstance(scorer, GenerationScorer), "this kind of task has it"
        examples = [example for _, example in rows_and_examples]
        texts = scorer.texts(self.predictor.ensemble.prompts[0], examples)
        pairs = zip(rows_and_examples, texts, strict=True)
        return "".join(before + self.form.line_end([text]) for (before, _), text in pairs)
