"""A task file taken apart: found and checked, its data unread."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from promptsearch.data.tables.rows import TableFormat
from promptsearch.data.tasks.definition import Split, TaskDefinition, read_split
from promptsearch.data.tasks.dev_split import with_dev
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.reader import Reader
from promptsearch.data.tasks.task_file import TaskFile
from promptsearch.errors import DataError, PromptError, TaskError, brief, did_you_mean
from promptsearch.prompt import Prompt, Template


@dataclass(frozen=True)
class TaskSource:
    """A task file, its keys that all kinds have, and the files that it names."""

    file: Path
    document: Mapping[str, object]
    task: TaskFile
    train: tuple[Path, ...]
    dev: tuple[Path, ...]
    test: tuple[Path, ...]
    corpus: tuple[Path, ...]

    @property
    def data_files(self) -> tuple[Path, ...]:
        """The files of all splits and the corpus, and that of the answers if they have one."""
        answers = self.document.get("answers")
        beside = (self.file.parent / answers,) if isinstance(answers, str) else ()
        return (*self.train, *self.dev, *self.test, *self.corpus, *beside)

    @property
    def layout(self) -> TableFormat:
        return TableFormat(self.task.columns, self.task.encoding, self.task.rename)

    @property
    def template(self) -> Template:
        """The manual template. Raises TaskError if it is none."""
        try:
            return Template.parse(self.task.template)
        except PromptError as error:
            raise TaskError(f"{self.file}: template: {error}") from None

    def unknown_field(self, name: str, inputs: Sequence[str]) -> TaskError:
        """Return the error about a field of the template that is none of the inputs."""
        usable = [each for each in inputs if re.fullmatch(r"\w+", each)]
        unusable = [each for each in inputs if each not in usable]
        hint = (
            f"; give {unusable[0]!r} a name without spaces and signs under [rename] to use it"
            if unusable
            else ""
        )
        return TaskError(
            f"{self.file}: template: there is no input {{{name}}}{did_you_mean(name, usable)}; "
            f"the inputs are {', '.join(inputs) or 'none'}{hint}"
        )

    def train_and_dev(self, reader: Reader, fields: Sequence[str]) -> tuple[Split, Split]:
        """Return the two splits; without a dev file, dev is a part of train."""
        train, dev = self._train_and_dev(reader, fields)
        examples = (*train.examples, *dev.examples)
        if not any(example.is_answerable for example in examples):
            if all(len(example.choices) == 1 for example in examples):
                raise TaskError(
                    f"{self.file}: choices: every row has one choice, such as "
                    f"{brief(repr(examples[0].choices[0]))}; choices in a text stand between | "
                    'unless choices_separator = "..." says otherwise'
                )
            raise TaskError(
                f"{self.file}: choices: no row of train or dev has its right answer, such as "
                f"{examples[0].targets[0]!r}, among its choices; write the choice's text, or its "
                "index from 0"
            )
        return train, dev

    def _train_and_dev(self, reader: Reader, fields: Sequence[str]) -> tuple[Split, Split]:
        train = read_split("train", self.task.train, self.train, reader)
        if self.dev:
            return train, read_split("dev", self.task.dev, self.dev, reader)
        if len(train.examples) < 2:
            raise DataError(
                f"{self.file}: train has one example, too few to hold some out for dev; add rows, "
                "or a dev file"
            )
        rest, held_out = with_dev(train.examples, fields)
        return replace(train, examples=rest), replace(train, name="dev", examples=held_out)

    def definition(
        self,
        prompt: Prompt,
        labels: tuple[str, ...],
        inputs: tuple[str, ...],
        splits: tuple[Split, Split],
        reader: Reader,
    ) -> TaskDefinition:
        """Return the task of these parts; `splits` are train and dev."""
        task, (train, dev) = self.task, splits
        return TaskDefinition(
            name=task.name,
            family=task.family,
            kind=task.kind,
            labels=labels,
            inputs=inputs,
            prompt=prompt,
            train=train,
            dev=dev,
            dev_from_train=not self.dev,
            language=task.language,
            negative_label=None,
            corpus=self.corpus,
            corpus_column=task.corpus_column,
            encoding=task.encoding,
            chat=task.chat,
            file=self.file.absolute(),
            document={**self.document, **_options_keys(reader)},
            reader=reader,
            test_files=task.test,
            test_paths=self.test,
            data_files=self.data_files,
        )


def _options_keys(reader: Reader) -> dict[str, object]:
    """Return the keys by which the saved task says that {options} is no column, and what it is."""
    if not isinstance(reader, LabelledReader) or reader.options is None:
        return {}
    return reader.options.keys
