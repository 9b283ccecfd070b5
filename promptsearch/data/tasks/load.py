"""Loads a task: its file, its data and its manual prompt, all checked before a model loads."""

import os
import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from promptsearch.data.tables.rows import TableFormat, read_rows
from promptsearch.data.tasks.candidates import chosen_candidates
from promptsearch.data.tasks.definition import Split, TaskDefinition, read_split, with_candidates
from promptsearch.data.tasks.dev_split import with_dev
from promptsearch.data.tasks.facts_reader import SUBJECT, FactsReader, objects_of
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.markup import Markup
from promptsearch.data.tasks.schema import Reader
from promptsearch.data.tasks.tagged_sentence import TEXT, scheme_of, tag_labels
from promptsearch.data.tasks.tags_reader import TagsReader
from promptsearch.data.tasks.task_file import PROMPTED, Kind, TaskFile, read_toml, task_file
from promptsearch.errors import DataError, PromptError, TaskError, brief, did_you_mean
from promptsearch.files.read import expand
from promptsearch.prompt import Prompt, Template, Verbalizer


def manual_prompt(task: TaskFile, file: Path) -> Prompt:
    """Return the prompt of a classification task; `TaskError` names the key that is wrong."""
    template = _parsed(task, file)
    if not template.fields:
        raise TaskError(
            f"{file}: template: {task.template!r} has no input field, so every example reads the "
            "same; name an input in braces, such as {text}"
        )
    try:
        prompt = Prompt(template, Verbalizer.of(task.answers, template.slots))
    except PromptError as error:
        raise TaskError(f"{file}: answers: {error}") from None
    _check_labels(task, prompt.verbalizer.labels, file)
    return prompt


def fact_template(task: TaskFile, file: Path) -> Template:
    """Return the template of a fact task: `{subject}` and one slot."""
    template = _parsed(task, file)
    if unknown := [name for name in template.fields if name != SUBJECT]:
        raise _unknown_field(unknown[0], [SUBJECT], file)
    if not template.fields:
        raise TaskError(f"{file}: template: {task.template!r} has no {{subject}}; put it in")
    if len(template.slots) > 1:
        raise TaskError(
            f"{file}: template: {task.template!r} has {len(template.slots)} slots, but a fact's "
            "object is one answer; keep one [Z]"
        )
    return template


def tags_template(task: TaskFile, file: Path) -> Template:
    """Return the template of a task of tags: `{text}`, and the slot that every template has."""
    template = _parsed(task, file)
    if unknown := [name for name in template.fields if name != TEXT]:
        raise _unknown_field(unknown[0], [TEXT], file)
    if list(template.fields) != [TEXT] or len(template.slots) > 1:
        raise TaskError(
            f"{file}: template: {task.template!r} must have {{text}} and one [Z]; or leave the key "
            "out, and the sentence alone is read"
        )
    return template


def labelled_reader(
    task: TaskFile, prompt: Prompt, layout: TableFormat, paths: Sequence[Path], file: Path
) -> LabelledReader:
    """The reader of every split; `paths` (train and dev) say what the inputs are by default."""
    fields = tuple(prompt.template.fields)
    inputs = task.inputs or _default_inputs(task, fields, layout, paths)
    if task.label in inputs:
        raise TaskError(f"{file}: inputs: {task.label!r} is the label; a template must not see it")
    if unknown := [name for name in fields if name not in inputs]:
        raise _unknown_field(unknown[0], inputs, file)
    return LabelledReader(
        layout=layout,
        label=task.label,
        labels=prompt.verbalizer.labels,
        inputs=inputs,
        needed=frozenset(task.inputs or fields),
        markup=Markup(task.markup),
    )


def _default_inputs(
    task: TaskFile, fields: Sequence[str], layout: TableFormat, paths: Sequence[Path]
) -> tuple[str, ...]:
    """Return every column but the label that is text in every row, so that any template can use it.

    A field of the manual template counts even so: its first bad row is then blamed by name.
    """
    seen: dict[str, int] = {}
    rows = 0
    for path in paths:
        for row in read_rows(path, layout):
            rows += 1
            for name in row.cells:
                seen[name] = seen.get(name, 0) + (row.peek(name) is not None)
    columns = [name for name, full in seen.items() if full == rows or name in fields]
    names = [name for name in (*columns, *task.markup.values()) if name != task.label]
    return tuple(dict.fromkeys(names))


def _parsed(task: TaskFile, file: Path) -> Template:
    try:
        return Template.parse(task.template)
    except PromptError as error:
        raise TaskError(f"{file}: template: {error}") from None


def _check_labels(task: TaskFile, labels: Sequence[str], file: Path) -> None:
    if len(labels) < 2:
        raise TaskError(
            f"{file}: answers: {labels[0]!r} is the only label, so there is nothing to choose; "
            "give every label its answers"
        )
    if task.negative_label is not None and task.negative_label not in labels:
        near = did_you_mean(task.negative_label, labels)
        raise TaskError(
            f"{file}: negative_label: there is no label {task.negative_label!r}{near}; "
            f"the labels are {', '.join(labels)}"
        )


def _unknown_field(name: str, inputs: Sequence[str], file: Path) -> TaskError:
    usable = [each for each in inputs if re.fullmatch(r"\w+", each)]
    unusable = [each for each in inputs if each not in usable]
    hint = (
        f"; give {unusable[0]!r} a name without spaces and signs under [rename] to use it"
        if unusable
        else ""
    )
    return TaskError(
        f"{file}: template: there is no input {{{name}}}{did_you_mean(name, usable)}; "
        f"the inputs are {', '.join(inputs) or 'none'}{hint}"
    )


_FOLDER = Path(__file__).parents[1] / "builtin"


def builtin_tasks() -> dict[str, Path]:
    """Name -> task file, by name."""
    return {path.stem: path for path in sorted(_FOLDER.glob("*.toml"))}


def task_path(spec: str | Path) -> Path:
    """Return the task file that `spec` means: a path, else a built-in name."""
    path = Path(spec)
    if os.path.isfile(path):
        return path
    tasks = builtin_tasks()
    if str(spec) in tasks:
        return tasks[str(spec)]
    if os.path.isdir(path):
        raise TaskError(f"{path} is a folder; name the task file in it")
    raise TaskError(_unknown(path, list(tasks)))


def _unknown(path: Path, names: list[str]) -> str:
    folder = path.parent
    beside = sorted(each.name for each in folder.glob("*.toml")) if os.path.isdir(folder) else []
    near = did_you_mean(path.name, [*names, *beside])
    builtin = ", ".join(names) or "none"
    return (
        f"there is no task {brief(str(path), 200)!r}{near}: no such file, and the built-in tasks "
        f"are {builtin}"
    )


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
    def data_files(self) -> tuple[Path, ...]:
        """The files of all splits and the corpus, and that of the answers if they have one."""
        answers = self.document.get("answers")
        beside = (self.file.parent / answers,) if isinstance(answers, str) else ()
        return (*self.train, *self.dev, *self.test, *self.corpus, *beside)

    @property
    def layout(self) -> TableFormat:
        return TableFormat(self.task.columns, self.task.encoding, self.task.rename)


def load_task(spec: str | Path, kinds: Collection[Kind] = PROMPTED) -> TaskDefinition:
    """Return the task of a file or a built-in name.

    Whoever can do something with tagged words says so by `kinds`; others never get them.
    `TaskError` or `DataError` names the file, the key or line, and the way out.
    """
    file = task_path(spec)
    return load_document(read_toml(file), file, kinds)


def load_document(
    document: Mapping[str, object], file: Path, kinds: Collection[Kind] = PROMPTED
) -> TaskDefinition:
    """Return the task of a parsed document, whose paths are relative to `file`.

    With a definition's `document` and `file` this is the same task again.
    """
    task = task_file(document, file)
    if task.kind not in kinds:
        raise _no_prompt(task, file)
    source = _Source(
        file,
        document,
        task,
        train=_split_paths(file, "train", task.train),
        dev=_split_paths(file, "dev", task.dev),
        test=_split_paths(file, "test", task.test),
        corpus=_split_paths(file, "corpus", task.corpus),
    )
    load = {"classification": _classification, "facts": _facts, "tags": _tags}
    return load[task.kind](source)


def _no_prompt(task: TaskFile, file: Path) -> TaskError:
    """Return the refusal of tags, where answers in a slot are asked for."""
    name = file.stem if builtin_tasks().get(file.stem) == file else shlex.quote(str(file))
    return TaskError(
        f"{file}: {task.name} tags words, and this is for labels and facts; train a tagger with "
        f"`promptsearch prefix --task {name} --head token`"
    )


def _split_paths(file: Path, key: str, patterns: tuple[str, ...]) -> tuple[Path, ...]:
    try:
        return expand(patterns, file.parent)
    except DataError as error:
        raise DataError(f"{file}: {key}: {error}") from None


def _classification(source: _Source) -> TaskDefinition:
    prompt = manual_prompt(source.task, source.file)
    files = source.train + source.dev
    reader = labelled_reader(source.task, prompt, source.layout, files, source.file)
    train, dev = _train_and_dev(source, reader, prompt.template.fields)
    labels = prompt.verbalizer.labels
    return _definition(source, prompt, labels, reader.inputs, train, dev, reader)


def _facts(source: _Source) -> TaskDefinition:
    template = fact_template(source.task, source.file)
    reader = FactsReader(source.layout, source.task.subject, source.task.object)
    train, dev = _train_and_dev(source, reader, template.fields)
    objects = objects_of(train.examples, dev.examples)
    # Until the candidates are known the objects stand in: enough to show the prompt.
    prompt = Prompt(template, Verbalizer.of_candidates(objects, template.slots[0]))
    definition = _definition(source, prompt, (), template.fields, train, dev, reader)
    chosen = chosen_candidates(source.task, source.file, objects)
    definition = replace(definition, candidates_rule=chosen.rule, candidates_file=chosen.file)
    return definition if chosen.words is None else with_candidates(definition, chosen.words)


def _tags(source: _Source) -> TaskDefinition:
    task, file = source.task, source.file
    template = tags_template(task, file)
    layout = replace(source.layout, rename={})
    reader = TagsReader(layout, task.words, task.tags, task.labels, task.scheme)
    train, dev = _train_and_dev(source, reader, template.fields)
    labels = tag_labels(task.labels, train.examples, dev.examples)
    if len(labels) < 2:
        raise TaskError(
            f"{file}: train and dev have only the tag {labels[0]!r}, so there is nothing to learn; "
            "name the column of the tags, tags = ..."
        )
    prompt = Prompt(template, Verbalizer.of_candidates(labels, template.slots[0]))
    definition = _definition(source, prompt, labels, (TEXT,), train, dev, reader)
    return replace(definition, scheme=scheme_of(task.scheme))


def _train_and_dev(source: _Source, reader: Reader, fields: Sequence[str]) -> tuple[Split, Split]:
    train = read_split("train", source.task.train, source.train, reader)
    if source.dev:
        return train, read_split("dev", source.task.dev, source.dev, reader)
    if len(train.examples) < 2:
        raise DataError(
            f"{source.file}: train has one example, too few to hold some out for dev; add rows, "
            "or a dev file"
        )
    rest, held_out = with_dev(train.examples, fields)
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
        data_files=source.data_files,
    )
