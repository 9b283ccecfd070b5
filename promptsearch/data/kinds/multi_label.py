"""Several labels at once: every example has any of the task's labels, or none of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from promptsearch.data.examples import Dataset, Example
from promptsearch.data.kinds.classification import LabelledLoader
from promptsearch.data.kinds.kind import TaskKind, targets_of
from promptsearch.data.tables.rows import TableFormat
from promptsearch.data.tasks.definition import TaskDefinition
from promptsearch.data.tasks.input_columns import InputColumns
from promptsearch.data.tasks.label_set_reader import SEPARATOR, LabelSetReader
from promptsearch.data.tasks.labelled_prompts import LAYOUT_KEYS, LabelledPrompts
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.options_text import OPTION_KEYS, OptionsText
from promptsearch.data.tasks.source import TaskSource
from promptsearch.data.tasks.task_file import OF_PROMPTS
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import TaskError, brief

if TYPE_CHECKING:
    from promptsearch.metrics import Predictions, Scores
    from promptsearch.metrics.label_sets import Threshold
    from promptsearch.metrics.outcomes import Outcomes

MULTI_LABEL_KEY = "multi_label"  # of classification
MOST_LABELS = 1024  # as many as have their scores kept
NO_LABEL = "no label"


@dataclass(frozen=True)
class MultiLabelKind(TaskKind):
    """Any number of labels a row; the log-odds of each, yes against no, decide."""

    name = "multi-label"
    keys = (
        *("inputs", "label", "label_separator", MULTI_LABEL_KEY, "threshold", "answers", "markup"),
        *OPTION_KEYS,
        *LAYOUT_KEYS,
        *OF_PROMPTS,
    )
    metric_keys = ("log_likelihood", "micro_f1", "macro_f1", "subset_accuracy", "hamming")
    table_keys = metric_keys
    multi_token = "left-to-right"
    has_labels = True
    label_sets = True

    def reader(
        self, layout: TableFormat, keys: TomlKeys, inputs: tuple[str, ...], labels: tuple[str, ...]
    ) -> LabelledReader:
        return LabelSetColumns.of(keys).row_reader(layout, inputs, labels, frozenset(inputs))

    def loader(self, keys: TomlKeys) -> "LabelSetLoader":
        return LabelSetLoader.of(keys)

    def outcomes(self, predictions: "Predictions") -> "Outcomes":
        from promptsearch.metrics.outcomes import set_outcomes

        return set_outcomes(predictions)

    def example_row(
        self, predictions: "Predictions", index: int, example: Example
    ) -> Mapping[str, object]:
        from promptsearch.metrics.multi_label_predictions import MultiLabelPredictions

        assert isinstance(predictions, MultiLabelPredictions), "this kind of task has these"
        log_odds = predictions.log_odds[index].tolist()
        return {
            "target": list(example.targets),
            "predicted": list(predictions.label_sets[index]),
            "correct": bool(predictions.hits[index]),
            "log_prob": float(predictions.log_right[index]),
            "log_odds": dict(zip(predictions.labels, log_odds, strict=True)),
        }

    def majority(
        self, definition: TaskDefinition, seen: Dataset, examples: Dataset
    ) -> "tuple[str, Scores]":
        from promptsearch.metrics.guesses import set_guess_scores

        labels = most_frequent_set(seen)
        guesses = [labels] * len(examples)
        return set_name(labels), set_guess_scores(guesses, targets_of(examples), definition.labels)


def most_frequent_set(examples: Dataset) -> tuple[str, ...]:
    """Return the set of labels that most examples have; of equals the first."""
    return Counter(example.targets for example in examples).most_common(1)[0][0]


def set_name(labels: Sequence[str]) -> str:
    """Return the labels of a set as one text."""
    return ", ".join(labels) or NO_LABEL


def label_keys(keys: TomlKeys) -> tuple[str, str, tuple[str, ...]]:
    """Return the column of the labels, their separator, and the columns of one label each.

    Either the first is "" or the last is ().
    """
    separator = keys.string("label_separator", SEPARATOR)
    if not separator.strip():
        raise keys.error("label_separator", "it is empty; write what stands between labels")
    if isinstance(keys.document.get("label"), list):
        return "", separator, keys.strings("label")
    return keys.string("label", "label"), separator, ()


def threshold_in(keys: TomlKeys) -> "Threshold":
    """Return the log-odds above which a label is decided for. Raises TaskError if it is none."""
    value = keys.document.get("threshold", 0.0)
    if value == "dev":
        return "dev"
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise keys.error("threshold", f'it must be "dev" or a number, not {brief(repr(value))}')
    return float(value)


@dataclass(frozen=True)
class LabelSetColumns(InputColumns):
    """The keys of a task file that name columns: one of all labels, or one of each."""

    separator: str = SEPARATOR
    of_labels: tuple[str, ...] = ()  # of one label each; () where a column holds them all

    @classmethod
    def of(cls, keys: TomlKeys) -> "LabelSetColumns":
        """Return what the keys say. Raises TaskError at one that is wrong."""
        label, separator, of_labels = label_keys(keys)
        inputs, markup = keys.strings("inputs"), keys.names("markup")
        return cls(inputs, label, markup, None, OptionsText.named(keys), separator, of_labels)

    @property
    def label_columns(self) -> tuple[str, ...]:
        """The columns of the labels, which no template may see."""
        return self.of_labels or (self.label,)

    def _special(self, reader: LabelledReader) -> LabelSetReader:
        columns = vars(reader)
        return LabelSetReader(**columns, separator=self.separator, label_columns=self.of_labels)


@dataclass(frozen=True)
class LabelSetLoader(LabelledLoader):
    """The keys of a task with several labels at once."""

    columns: LabelSetColumns
    threshold: "Threshold" = 0.0

    @classmethod
    def of(cls, keys: TomlKeys) -> "LabelSetLoader":
        prompts = LabelledPrompts.of(keys)
        if prompts.no is None:
            raise keys.error(
                "no",
                "labels that are decided one by one need the word against their answers; add "
                'no = "no", and a slot a label, [Z1], [Z2], or use [options]',
            )
        return cls(LabelSetColumns.of(keys), None, prompts, threshold_in(keys))

    def load(self, source: TaskSource) -> TaskDefinition:
        return replace(super().load(source), threshold=self.threshold)

    def _check_labels(self, labels: Sequence[str], file: Path) -> None:
        super()._check_labels(labels, file)
        if len(labels) > MOST_LABELS:
            raise TaskError(f"{file}: {len(labels):,} labels are more than {MOST_LABELS:,}")
        columns = self.columns.of_labels
        if columns and set(columns) != set(labels):
            unlike = sorted(set(columns) ^ set(labels))[0]
            raise TaskError(
                f"{file}: label: its columns are {', '.join(columns)}, the labels "
                f"{', '.join(labels)}; {unlike!r} must be both"
            )
