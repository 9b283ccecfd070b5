"""Classification: every example has one label of the task, and labels have answers in a prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from promptsearch.data.examples import Dataset, Example, most_frequent
from promptsearch.data.kinds.kind import TaskKind, choice_row, targets_of
from promptsearch.data.tables.rows import TableFormat
from promptsearch.data.tasks.choices_column import CHOICES_KEYS
from promptsearch.data.tasks.definition import TaskDefinition
from promptsearch.data.tasks.input_columns import InputColumns
from promptsearch.data.tasks.labelled_prompts import LAYOUT_KEYS, LabelledPrompts
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.options_text import OPTION_KEYS
from promptsearch.data.tasks.source import TaskSource
from promptsearch.data.tasks.task_file import OF_PROMPTS
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import TaskError, did_you_mean
from promptsearch.prompt import Prompt

if TYPE_CHECKING:
    from promptsearch.metrics import Predictions, Scores
    from promptsearch.metrics.outcomes import Outcomes


@dataclass(frozen=True)
class ClassificationKind(TaskKind):
    """One label a row."""

    name = "classification"
    keys = (
        *("inputs", "label", "negative_label", "answers", "markup", "multi_label"),
        *CHOICES_KEYS,
        *OPTION_KEYS,
        *LAYOUT_KEYS,
        *OF_PROMPTS,
    )
    metric_keys = ("log_likelihood", "accuracy", "macro_f1", "micro_f1", "ece")
    multi_token = "left-to-right"
    has_labels = True
    single_label = True

    def reader(
        self, layout: TableFormat, keys: TomlKeys, inputs: tuple[str, ...], labels: tuple[str, ...]
    ) -> LabelledReader:
        return InputColumns.of(keys).row_reader(layout, inputs, labels, frozenset(inputs))

    def loader(self, keys: TomlKeys) -> "LabelledLoader":
        return LabelledLoader.of(keys)

    def outcomes(self, predictions: "Predictions") -> "Outcomes":
        from promptsearch.metrics.outcomes import label_outcomes

        return label_outcomes(predictions)

    def example_row(
        self, predictions: "Predictions", index: int, example: Example
    ) -> Mapping[str, object]:
        row = choice_row(example.targets[0], predictions, index)
        if predictions.log_probs is not None:
            log_probs = predictions.log_probs[index].tolist()
            by_label = dict(zip(predictions.labels, log_probs, strict=True))
            row["log_probs"] = {each: by_label[each] for each in example.choices or by_label}
        return row

    def majority(
        self, definition: TaskDefinition, seen: Dataset, examples: Dataset
    ) -> "tuple[str, Scores]":
        from promptsearch.metrics.guesses import label_guess_scores

        label, labels = most_frequent(seen), definition.labels
        guesses, negative = [label] * len(examples), definition.negative_label
        return label, label_guess_scores(guesses, targets_of(examples), labels, negative)


@dataclass(frozen=True)
class LabelledLoader:
    """The keys of a classification task."""

    columns: InputColumns
    negative_label: str | None
    prompts: LabelledPrompts

    @classmethod
    def of(cls, keys: TomlKeys) -> "LabelledLoader":
        return cls(
            columns=InputColumns.of(keys),
            negative_label=keys.optional("negative_label"),
            prompts=LabelledPrompts.of(keys),
        )

    def load(self, source: TaskSource) -> TaskDefinition:
        prompt = self._prompt(source)
        labels, fields = prompt.verbalizer.labels, prompt.template.fields
        reader = self.columns.reader(source, fields, labels)
        splits = source.train_and_dev(reader, fields)
        definition = source.definition(prompt, labels, reader.inputs, splits, reader)
        return replace(definition, negative_label=self.negative_label)

    def _prompt(self, source: TaskSource) -> Prompt:
        """Return the manual prompt; `TaskError` names the key that is wrong."""
        prompt = self.prompts.prompt(source, lambda: self.columns.names(source))
        self._check_labels(prompt.verbalizer.labels, source.file)
        return prompt

    def _check_labels(self, labels: Sequence[str], file: Path) -> None:
        if len(labels) < 2:
            raise TaskError(
                f"{file}: {self.prompts.key}: {labels[0]!r} is the only label, so there is nothing "
                "to choose; give every label its answers"
            )
        if self.negative_label is not None and self.negative_label not in labels:
            near = did_you_mean(self.negative_label, labels)
            raise TaskError(
                f"{file}: negative_label: there is no label {self.negative_label!r}{near}; "
                f"the labels are {', '.join(labels)}"
            )
