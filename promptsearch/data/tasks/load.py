"""Loads a task file: everything is read and checked before a model loads."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from promptsearch.data.tables.rows import TableFormat
from promptsearch.data.tasks.builtin import task_path
from promptsearch.data.tasks.candidates import chosen_candidates
from promptsearch.data.tasks.definition import Split, TaskDefinition, read_split, with_candidates
from promptsearch.data.tasks.dev_split import with_dev
from promptsearch.data.tasks.facts_reader import FactsReader, objects_of
from promptsearch.data.tasks.manual_prompt import fact_template, labelled_reader, manual_prompt
from promptsearch.data.tasks.schema import Reader
from promptsearch.data.tasks.task_file import TaskFile, read_toml, task_file
from promptsearch.errors import DataError
from promptsearch.files.read import expand
from promptsearch.prompt import Prompt, Verbalizer


@dataclass(frozen=True)
class _Source:
    """A task file taken apart: found and checked, its data unread."""

    file: Path
    document: Mapping[str, object]
    task: TaskFile
    train: tuple[Path, ...]
    dev: tuple[Path, ...]
    test: tuple[Path, ...]
    corpus: tuple[Path, ...]

    @property
    def layout(self) -> TableFormat:
        return TableFormat(self.task.columns, self.task.encoding, self.task.rename)


def load_task(spec: str | Path) -> TaskDefinition:
    """Return the task of a file or a built-in name.

    `TaskError` or `DataError` names the file, the key or line, and the way out.
    """
    file = task_path(spec)
    return load_document(read_toml(file), file)


def load_document(document: Mapping[str, object], file: Path) -> TaskDefinition:
    """Return the task of a parsed document, whose paths are relative to `file`.

    With a definition's `document` and `file` this is the same task again.
    """
    task = task_file(document, file)
    source = _Source(
        file,
        document,
        task,
        train=_split_paths(file, "train", task.train),
        dev=_split_paths(file, "dev", task.dev),
        test=_split_paths(file, "test", task.test),
        corpus=_split_paths(file, "corpus", task.corpus),
    )
    return _classification(source) if task.kind == "classification" else _facts(source)


def _split_paths(file: Path, key: str, patterns: tuple[str, ...]) -> tuple[Path, ...]:
    try:
        return expand(patterns, file.parent)
    except DataError as error:
        raise DataError(f"{file}: {key}: {error}") from None


def _classification(source: _Source) -> TaskDefinition:
    prompt = manual_prompt(source.task, source.file)
    files = source.train + source.dev
    reader = labelled_reader(source.task, prompt, source.layout, files, source.file)
    train, dev = _train_and_dev(source, reader)
    labels = prompt.verbalizer.labels
    return _definition(source, prompt, labels, reader.inputs, train, dev, reader)


def _facts(source: _Source) -> TaskDefinition:
    template = fact_template(source.task, source.file)
    reader = FactsReader(source.layout, source.task.subject, source.task.object)
    train, dev = _train_and_dev(source, reader)
    objects = objects_of(train.examples, dev.examples)
    # Until the candidates are known the objects stand in: enough to show the prompt.
    prompt = Prompt(template, Verbalizer.of_candidates(objects, template.slots[0]))
    definition = _definition(source, prompt, (), template.fields, train, dev, reader)
    chosen = chosen_candidates(source.task, source.file, objects)
    definition = replace(definition, candidates_rule=chosen.rule, candidates_file=chosen.file)
    return definition if chosen.words is None else with_candidates(definition, chosen.words)


def _train_and_dev(source: _Source, reader: Reader) -> tuple[Split, Split]:
    train = read_split("train", source.task.train, source.train, reader)
    if source.dev:
        return train, read_split("dev", source.task.dev, source.dev, reader)
    if len(train.examples) < 2:
        raise DataError(
            f"{source.file}: train has one example, too few to hold some out for dev; add rows, "
            "or a dev file"
        )
    rest, held_out = with_dev(train.examples)
    return replace(train, examples=rest), replace(train, name="dev", examples=held_out)


def _definition(
    source: _Source,
    prompt: Prompt,
    labels: tuple[str, ...],
    inputs: tuple[str, ...],
    train: Split,
    dev: Split,
    reader: Reader,
) -> TaskDefinition:
    task = source.task
    return TaskDefinition(
        name=task.name,
        kind=task.kind,
        labels=labels,
        inputs=inputs,
        prompt=prompt,
        train=train,
        dev=dev,
        dev_from_train=not source.dev,
        language=task.language,
        negative_label=task.negative_label,
        corpus=source.corpus,
        corpus_column=task.corpus_column,
        encoding=task.encoding,
        chat=task.chat,
        file=source.file.absolute(),
        document=source.document,
        reader=reader,
        test_files=task.test,
        test_paths=source.test,
    )
