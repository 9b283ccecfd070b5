"""Generation: every example is answered with a text, and has one or several right ones."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from promptsearch.data.examples import Dataset, Example
from promptsearch.data.kinds.kind import TaskKind, targets_of
from promptsearch.data.tables.rows import TableFormat
from promptsearch.data.tasks.decode_table import DECODE, Decode
from promptsearch.data.tasks.definition import TaskDefinition
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.source import TaskSource
from promptsearch.data.tasks.target_columns import TARGET, TargetColumns
from promptsearch.data.tasks.task_file import OF_PROMPTS
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import TaskError
from promptsearch.prompt import Prompt, Verbalizer

if TYPE_CHECKING:
    from promptsearch.metrics import Predictions, Scores
    from promptsearch.metrics.outcomes import Outcomes


@dataclass(frozen=True)
class GenerationKind(TaskKind):
    """A text that the model writes, beside one or several references."""

    decode: Decode = Decode()

    name = "generation"
    keys = ("inputs", TARGET, "markup", DECODE, *OF_PROMPTS)
    metric_keys = ("log_likelihood", "rouge_l", "chrf", "bleu", "exact_match", "token_f1")
    multi_token = "left-to-right"
    answers_noun = "texts"
    free_texts = True
    targets_fill_slot = True
    scores_answers = False

    @property
    def settings(self) -> Mapping[str, object]:
        return {"decode": asdict(self.decode)}

    def configured(self, keys: TomlKeys) -> "GenerationKind":
        return replace(self, decode=Decode.of(keys))

    def reader(
        self, layout: TableFormat, keys: TomlKeys, inputs: tuple[str, ...], labels: tuple[str, ...]
    ) -> LabelledReader:
        return TargetColumns.of(keys).row_reader(layout, inputs, (), frozenset(inputs))

    def loader(self, keys: TomlKeys) -> "GenerationLoader":
        return GenerationLoader(TargetColumns.of(keys))

    def outcomes(self, predictions: "Predictions") -> "Outcomes":
        from promptsearch.metrics.outcomes import text_outcomes

        return text_outcomes(predictions)

    def example_row(
        self, predictions: "Predictions", index: int, example: Example
    ) -> Mapping[str, object]:
        from promptsearch.metrics.generation_predictions import GenerationPredictions

        assert isinstance(predictions, GenerationPredictions), "this kind of task has these"
        return {
            "target": list(example.targets),
            "predicted": predictions.texts[index] if predictions.texts else None,
            "correct": bool(predictions.hits[index]),
            "log_prob": float(predictions.log_right[index]),
        }

    def majority(
        self, definition: TaskDefinition, seen: Dataset, examples: Dataset
    ) -> "tuple[str, Scores]":
        from promptsearch.metrics.guesses import text_guess_scores

        counts = Counter(text for example in seen for text in example.targets)
        text = counts.most_common(1)[0][0]
        return text, text_guess_scores([text] * len(examples), targets_of(examples))


@dataclass(frozen=True)
class GenerationLoader:
    """The keys of a task of generation."""

    columns: TargetColumns

    def load(self, source: TaskSource) -> TaskDefinition:
        from promptsearch.metrics.text_metrics import check_packages

        check_packages()
        template = source.template
        at = f"{source.file}: template: {source.task.template!r}"
        if not template.fields:
            raise TaskError(f"{at} has no input field; name one in braces, such as {{text}}")
        if not template.ends_in_slot:
            raise TaskError(
                f"{at} must end in its only slot, where a text of any length is written; move [Z] "
                "to the end"
            )
        reader = self.columns.reader(source, template.fields, ())
        splits = source.train_and_dev(reader, template.fields)
        prompt = Prompt(template, Verbalizer.of_any_text(template.slots[0]))
        return source.definition(prompt, (), reader.inputs, splits, reader)
