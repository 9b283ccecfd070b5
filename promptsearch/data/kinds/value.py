"""Values: every example has a number, which lies between two answers (regression)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

from promptsearch.data.examples import Dataset, Example
from promptsearch.data.kinds.classification import LabelledLoader
from promptsearch.data.kinds.kind import TaskKind
from promptsearch.data.tables.rows import TableFormat
from promptsearch.data.tasks.definition import TaskDefinition
from promptsearch.data.tasks.labelled_prompts import LabelledPrompts
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.options_text import OPTION_KEYS
from promptsearch.data.tasks.source import TaskSource
from promptsearch.data.tasks.task_file import OF_PROMPTS
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.data.tasks.value_columns import RANGE, ValueColumns, ValueRange
from promptsearch.errors import TaskError

if TYPE_CHECKING:
    from promptsearch.metrics import Predictions, Scores
    from promptsearch.metrics.outcomes import Outcomes


@dataclass(frozen=True)
class ValueKind(TaskKind):
    """A number in a range, whose ends have an answer each."""

    value_range: ValueRange = ValueRange()

    name = "value"
    keys = ("inputs", "label", RANGE, "answers", "markup", *OPTION_KEYS, *OF_PROMPTS)
    metric_keys = ("log_likelihood", "pearson", "spearman")
    multi_token = "left-to-right"
    answers_noun = "ends of the range"
    values = True

    def configured(self, keys: TomlKeys) -> "ValueKind":
        return replace(self, value_range=ValueRange.of(keys))

    def reader(
        self, layout: TableFormat, keys: TomlKeys, inputs: tuple[str, ...], labels: tuple[str, ...]
    ) -> LabelledReader:
        return ValueColumns.of(keys).row_reader(layout, inputs, labels, frozenset(inputs))

    def loader(self, keys: TomlKeys) -> "ValueLoader":
        return ValueLoader(ValueColumns.of(keys), None, LabelledPrompts.of(keys))

    def outcomes(self, predictions: "Predictions") -> "Outcomes":
        from promptsearch.metrics.outcomes import value_outcomes

        return value_outcomes(predictions)

    def example_row(
        self, predictions: "Predictions", index: int, example: Example
    ) -> Mapping[str, object]:
        from promptsearch.metrics.value_predictions import ValuePredictions

        assert isinstance(predictions, ValuePredictions), "this kind of task has these"
        right, predicted = predictions.counts[index].tolist()
        return {
            "target": round(self.value_range.value(right), 9),
            "predicted": self.value_range.value(predicted),
            "log_prob": float(predictions.log_right[index]),
        }

    def majority(
        self, definition: TaskDefinition, seen: Dataset, examples: Dataset
    ) -> "tuple[str, Scores]":
        mean = self.value_range.value(fmean(float(e.targets[0]) for e in seen))
        return f"{mean:.3g}", {"pearson": 0.0, "spearman": 0.0, "n": len(examples)}


@dataclass(frozen=True)
class ValueLoader(LabelledLoader):
    """The keys of a task of values."""

    columns: ValueColumns

    def load(self, source: TaskSource) -> TaskDefinition:
        prompt = self._prompt(source)
        labels, fields = prompt.verbalizer.labels, prompt.template.fields
        if len(labels) != 2:
            raise TaskError(
                f"{source.file}: answers: a value lies between two, the lowest first; there are "
                f"{len(labels)}: {', '.join(labels)}"
            )
        reader = self.columns.reader(source, fields, labels)
        splits = source.train_and_dev(reader, fields)
        return source.definition(prompt, labels, reader.inputs, splits, reader)
