"""What a kind of task is: how its rows are read, what its answers are, and how they are judged.

Code asks a task's kind for the property that matters, and never which kind it is. To add a kind:
a module beside this one with a subclass of `TaskKind`, and its line in `KINDS`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from promptsearch.data.examples import most_frequent

if TYPE_CHECKING:
    from promptsearch.data.examples import Dataset, Example
    from promptsearch.data.tables.rows import TableFormat
    from promptsearch.data.tasks.decode_table import Decode
    from promptsearch.data.tasks.definition import TaskDefinition
    from promptsearch.data.tasks.reader import Reader
    from promptsearch.data.tasks.source import TaskSource
    from promptsearch.data.tasks.span_rows import SpanRule
    from promptsearch.data.tasks.toml_keys import TomlKeys
    from promptsearch.data.tasks.value_columns import ValueRange
    from promptsearch.metrics import Predictions, Scores
    from promptsearch.metrics.outcomes import Outcomes


class TaskLoader(Protocol):
    """The part of a task file that one kind has, checked; it knows how to load the task."""

    def load(self, source: "TaskSource") -> "TaskDefinition":
        """Return the task. Raises TaskError or DataError at what is wrong with its data."""
        ...


@dataclass(frozen=True)
class TaskKind(ABC):
    """A kind of task. Files keep its `name`; two objects of one class are equal."""

    name: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]  # of its task files, beside those that all kinds have
    metric_keys: ClassVar[tuple[str, ...]]  # of `METRICS`, in the order that scores have them
    table_keys: ClassVar[tuple[str, ...]] = ()  # of tables; (): those that all tables have
    multi_token: ClassVar[Literal["left-to-right", "independent"]]  # how answers are read
    default_template: ClassVar[str] = ""  # "": a task file must have a template
    answers_noun: ClassVar[str] = "labels"  # what a task has many of, on the screen

    # Of the right answers of an example, its targets:
    has_labels: ClassVar[bool] = False  # they are labels of the task, which stand in an order
    single_label: ClassVar[bool] = False  # there is exactly one, a label
    label_sets: ClassVar[bool] = False  # there are any number of labels, each decided by itself
    tags_words: ClassVar[bool] = False  # a head reads each word's, and no slot holds it
    has_sentences: ClassVar[bool] = False  # they are tags of the words of a sentence
    values: ClassVar[bool] = False  # they are numbers: where each lies between two answers
    free_texts: ClassVar[bool] = False  # they are texts, any of which may be written
    targets_fill_slot: ClassVar[bool] = False  # they are the slot's texts, not labels with answers
    has_subject: ClassVar[bool] = False  # they are objects, and what has them is a subject

    # Of the answers of a prompt:
    has_candidates: ClassVar[bool] = False  # each prompt keeps the candidates that it chooses among
    merges_alike: ClassVar[bool] = False  # those that a model reads alike count as one
    # Whether scores are log p of labels or candidates, which can be cached, raced, calibrated,
    # spread over processes, and tuned to.
    scores_answers: ClassVar[bool] = True

    # As a task file has them; None for other kinds.
    decode: "Decode | None" = None  # how texts are written
    value_range: "ValueRange | None" = None
    span_rule: "SpanRule | None" = None  # which spans are asked about

    def __str__(self) -> str:
        """Return the name, as messages have it."""
        return self.name

    @property
    def has_answer_set(self) -> bool:
        """Whether an answer is one of several, or some of them: labels or candidates."""
        return self.has_labels or self.has_candidates

    @property
    def labels_rows(self) -> bool:
        """Whether what labels are of is a row: a sentence has none, but its words or spans."""
        return self.has_labels and not self.has_sentences

    @property
    def classifies(self) -> bool:
        """Whether rows are answered with labels or candidates, one or several of them."""
        return self.has_answer_set and not self.has_sentences

    @property
    def settings(self) -> Mapping[str, object]:
        """What a task file says of how answers are judged; a run with others is another run."""
        return {}

    def configured(self, keys: "TomlKeys") -> "TaskKind":
        """Return the kind as a task file has it. Raises TaskError at a key that is wrong."""
        return self

    @abstractmethod
    def reader(
        self,
        layout: "TableFormat",
        keys: "TomlKeys",
        inputs: tuple[str, ...],
        labels: tuple[str, ...],
    ) -> "Reader":
        """Return the reader of rows, whose targets may be missing, by the keys of a task file."""

    @abstractmethod
    def loader(self, keys: "TomlKeys") -> TaskLoader:
        """Return what loads the task of a task file. Raises TaskError at a key that is wrong."""

    def training_rows(self, examples: "Dataset") -> "Dataset":
        """Return the rows of examples that a template is filled with: what strategies learn from.

        Those are the examples, unless a prompt asks about several parts of each.
        """
        return examples

    @abstractmethod
    def outcomes(self, predictions: "Predictions") -> "Outcomes":
        """Return what a ledger keeps of predictions: (example,) values by name."""

    @abstractmethod
    def example_row(
        self, predictions: "Predictions", index: int, example: "Example"
    ) -> Mapping[str, object]:
        """Return what `evaluate` writes of one example: its right answer and the predicted one."""

    @abstractmethod
    def majority(
        self, definition: "TaskDefinition", seen: "Dataset", examples: "Dataset"
    ) -> tuple[str, "Scores"]:
        """Return the answer most frequent in examples `seen`, and what it scores on `examples`."""

    def guesses(self, seen: "Dataset") -> tuple[str, Callable[["Dataset"], Sequence[str]]]:
        """Return the answer most frequent in examples `seen`, and what guesses it of any rows."""
        label = most_frequent(seen)
        return label, lambda rows: [label] * len(rows)


def choice_row(target: object, predictions: "Predictions", index: int) -> dict[str, object]:
    """Return the row of an example for which one label or object of all is predicted."""
    rank = int(predictions.rank[index])
    return {
        "target": target,
        "predicted": predictions.labels[predictions.predicted[index]],
        "correct": rank == 1,
        "rank": rank or None,
        "log_prob": float(predictions.log_right[index]) if rank else None,
    }


def targets_of(examples: "Dataset") -> Sequence[tuple[str, ...]]:
    """Return the right answers of each example."""
    return [example.targets for example in examples]
