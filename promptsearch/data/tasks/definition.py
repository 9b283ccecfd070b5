"""A task as defined by its file and data: what every command starts from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from promptsearch.data.examples import Example, fingerprint, has_choices
from promptsearch.data.kinds.kind import TaskKind
from promptsearch.data.tasks.candidates import CandidatesRule
from promptsearch.data.tasks.facts_reader import objects_of
from promptsearch.data.tasks.reader import Reader
from promptsearch.data.tasks.task_file import ChatKeys
from promptsearch.errors import DataError, TaskError
from promptsearch.files.read import sha256
from promptsearch.language.spans import Scheme
from promptsearch.prompt import Prompt, Verbalizer

if TYPE_CHECKING:
    from promptsearch.metrics.label_sets import Threshold


@dataclass(frozen=True)
class Split:
    """Examples and where they came from."""

    name: str
    files: tuple[str, ...]  # as the task file writes them
    sha256: str  # of the files
    examples: tuple[Example, ...]

    @cached_property
    def examples_sha256(self) -> str:
        """The hash of the examples as the task file has them read."""
        return fingerprint(self.examples)


@dataclass(frozen=True)
class TaskSchema:
    """The inputs and labels of a task, and the reader of its rows."""

    name: str
    kind: TaskKind
    inputs: tuple[str, ...]
    labels: tuple[str, ...]  # () for facts: each prompt has its candidates
    language: str
    chat: ChatKeys | None
    reader: Reader


@dataclass(frozen=True)
class TaskDefinition:
    """A task: its examples, inputs and labels, and the manual prompt to beat."""

    name: str
    kind: TaskKind
    labels: tuple[str, ...]  # for facts the candidates; () while they wait for the model's words
    inputs: tuple[str, ...]
    prompt: Prompt  # the manual one: where a search starts
    train: Split
    dev: Split
    dev_from_train: bool  # no dev file: a part of train is held out, and the tool says so
    language: str
    negative_label: str | None
    corpus: tuple[Path, ...]
    corpus_column: str | None
    encoding: str  # of the corpus too
    chat: ChatKeys | None
    file: Path  # absolute
    document: Mapping[str, object] = field(repr=False)  # the TOML as parsed
    reader: Reader = field(repr=False)
    test_files: tuple[str, ...] = ()  # as the task file writes them; () without a test split
    test_paths: tuple[Path, ...] = ()
    data_files: tuple[Path, ...] = ()  # of all splits and the corpus, and the answers' file
    candidates_rule: CandidatesRule | None = None  # None: no facts
    candidates_file: Path | None = None
    scheme: Scheme | None = None  # of tags; None: the task has none
    family: str = ""  # of tasks that ask the same of other texts
    threshold: "Threshold" = 0.0  # of the log-odds that decide for one of several labels

    def test(self) -> Split:
        """Return the test split, read now. Only `evaluate` asks for it."""
        if not self.test_paths:
            raise TaskError(
                f'{self.file}: the task has no test split; add test = "FILE" to the task file, or '
                "see with `promptsearch certify` what dev can say"
            )
        return read_split("test", self.test_files, self.test_paths, self.reader)

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that the task is read from."""
        candidates = (self.candidates_file,) if self.candidates_file else ()
        return (self.file, *self.data_files, *candidates)

    @property
    def schema(self) -> TaskSchema:
        """The task without its data."""
        labels = self.labels if self.kind.has_labels else ()
        parts = self.inputs, labels, self.language, self.chat, self.reader
        return TaskSchema(self.name, self.kind, *parts)

    @property
    def test_sha256(self) -> str | None:
        """The hash of the test files, no row read; None without a test split."""
        return sha256(self.test_paths) if self.test_paths else None

    @property
    def candidates_sha256(self) -> str | None:
        """The hash of the file that the candidates are from; None where they are of no file."""
        return sha256([self.candidates_file]) if self.candidates_file else None

    @property
    def corpus_sha256(self) -> str:
        """The hash of the corpus, which is read for it once from end to end."""
        return sha256(self.corpus)

    @property
    def has_choices(self) -> bool:
        """Whether each row has choices of its own."""
        return has_choices(self.train.examples)

    @property
    def needs_vocabulary(self) -> bool:
        """True while the candidates wait for the model's words; see `with_candidates`."""
        return self.candidates_rule == "vocabulary" and not self.labels


def with_candidates(definition: TaskDefinition, words: Sequence[str]) -> TaskDefinition:
    """Return the fact task with these candidates.

    Raises TaskError if it could answer nothing with them.
    """
    (slot,) = definition.prompt.template.slots
    candidates = tuple(dict.fromkeys(words))
    known = set(candidates)
    objects = objects_of(definition.train.examples, definition.dev.examples)
    if len(candidates) < 2 or known.isdisjoint(objects):
        raise TaskError(
            f"{definition.file}: candidates: {_too_few(candidates, objects)}; "
            "correct candidates or leave the key out to use the objects of train and dev"
        )
    verbalizer = Verbalizer.of_candidates(candidates, slot)
    prompt = replace(definition.prompt, verbalizer=verbalizer)
    return replace(definition, labels=candidates, prompt=prompt)


def read_split(
    name: str,
    files: tuple[str, ...],
    paths: tuple[Path, ...],
    reader: Reader,
) -> Split:
    """Return the split, read and fingerprinted. Raises DataError if it is empty."""
    examples = reader.examples(paths)
    if not examples:
        files_text = ", ".join(map(str, paths))
        raise DataError.at(files_text, None, f"the {name} split is empty; add rows or another file")
    return Split(name, files, sha256(paths), examples)


def _too_few(candidates: Sequence[str], objects: Sequence[str]) -> str:
    if len(candidates) < 2:
        return f"{len(candidates)} candidate leaves nothing to choose"
    return f"no object of train or dev, such as {objects[0]!r}, is among the {len(candidates)}"
