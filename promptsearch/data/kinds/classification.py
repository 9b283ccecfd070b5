"""Classification: every example has one label of the task, and labels have answers in a prompt."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from promptsearch.data.examples import Dataset, Example, most_frequent
from promptsearch.data.kinds.kind import TaskKind, choice_row, targets_of
from promptsearch.data.tables.rows import TableFormat, read_rows
from promptsearch.data.tasks.definition import TaskDefinition
from promptsearch.data.tasks.labelled_prompts import LAYOUT_KEYS, LabelledPrompts
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.markup import Markup
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
        label, markup = keys.string("label", "label"), Markup(keys.names("markup"))
        return LabelledReader(layout, label, labels, inputs, frozenset(inputs), markup)

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
            row["log_probs"] = dict(zip(predictions.labels, log_probs, strict=True))
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

    inputs: tuple[str, ...]  # () for the columns of the tables
    label: str
    negative_label: str | None
    prompts: LabelledPrompts
    markup: Mapping[str, str]

    @classmethod
    def of(cls, keys: TomlKeys) -> "LabelledLoader":
        return cls(
            inputs=keys.strings("inputs"),
            label=keys.string("label", "label"),
            negative_label=keys.optional("negative_label"),
            prompts=LabelledPrompts.of(keys),
            markup=keys.names("markup"),
        )

    @property
    def label_columns(self) -> tuple[str, ...]:
        """The columns of the labels, which no template may see."""
        return (self.label,)

    def load(self, source: TaskSource) -> TaskDefinition:
        prompt = self._prompt(source)
        reader = self._reader(source, prompt)
        splits = source.train_and_dev(reader, prompt.template.fields)
        labels = prompt.verbalizer.labels
        definition = source.definition(prompt, labels, reader.inputs, splits, reader)
        return replace(definition, negative_label=self.negative_label)

    def _prompt(self, source: TaskSource) -> Prompt:
        """Return the manual prompt; `TaskError` names the key that is wrong."""
        prompt = self.prompts.prompt(source, lambda: self._columns(source))
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

    def _reader(self, source: TaskSource, prompt: Prompt) -> LabelledReader:
        """Return the reader of every split."""
        fields = tuple(prompt.template.fields)
        inputs = self.inputs or self._default_inputs(source, fields)
        if seen := [name for name in self.label_columns if name in inputs]:
            raise TaskError(
                f"{source.file}: inputs: {seen[0]!r} is the label; a template must not see it"
            )
        if unknown := [name for name in fields if name not in inputs]:
            raise source.unknown_field(unknown[0], inputs)
        labels, needed = prompt.verbalizer.labels, frozenset(self.inputs or fields)
        return self._reader_of(source.layout, labels, inputs, needed)

    def _reader_of(
        self,
        layout: TableFormat,
        labels: tuple[str, ...],
        inputs: tuple[str, ...],
        needed: frozenset[str],
    ) -> LabelledReader:
        return LabelledReader(layout, self.label, labels, inputs, needed, Markup(self.markup))

    def _columns(self, source: TaskSource) -> tuple[str, ...]:
        return self.inputs or self._default_inputs(source, ())

    def _default_inputs(self, source: TaskSource, fields: Sequence[str]) -> tuple[str, ...]:
        """Return every column but the label that is text in every row of train and dev.

        So any template can use it. A field of the manual template counts even so: its first bad
        row is then blamed by name.
        """
        seen: dict[str, int] = {}
        rows = 0
        for path in source.train + source.dev:
            for row in read_rows(path, source.layout):
                rows += 1
                for name in row.cells:
                    seen[name] = seen.get(name, 0) + (row.peek(name) is not None)
        columns = [name for name, full in seen.items() if full == rows or name in fields]
        readable = (*columns, *self.markup.values())
        names = [name for name in readable if name not in self.label_columns]
        return tuple(dict.fromkeys(names))
