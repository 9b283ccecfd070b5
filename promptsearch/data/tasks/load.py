"""Loads a task: its file, its data and its manual prompt, all checked before a model loads."""

import os
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path

from promptsearch.data.kinds import PROMPTED, kind_in, refuse_foreign
from promptsearch.data.tasks.definition import TaskDefinition
from promptsearch.data.tasks.source import TaskSource
from promptsearch.data.tasks.task_file import TaskFile, task_file
from promptsearch.data.tasks.toml_keys import TomlKeys, read_toml
from promptsearch.errors import DataError, TaskError, brief, did_you_mean
from promptsearch.files.read import expand

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


def load_task(spec: str | Path, kinds: Collection[str] = PROMPTED) -> TaskDefinition:
    """Return the task of a file or a built-in name.

    Whoever can do something with tagged words says so by `kinds`; others never get them.
    `TaskError` or `DataError` names the file, the key or line, and the way out.
    """
    file = task_path(spec)
    return load_document(read_toml(file), file, kinds)


def load_document(
    document: Mapping[str, object], file: Path, kinds: Collection[str] = PROMPTED
) -> TaskDefinition:
    """Return the task of a parsed document, whose paths are relative to `file`.

    With a definition's `document` and `file` this is the same task again.
    """
    keys = TomlKeys(document, file)
    kind = kind_in(keys)
    refuse_foreign(keys, kind)
    task, loader = task_file(keys, kind), kind.loader(keys)
    if kind.name not in kinds:
        raise _no_prompt(task, file)
    source = TaskSource(
        file,
        document,
        task,
        train=_split_paths(file, "train", task.train),
        dev=_split_paths(file, "dev", task.dev),
        test=_split_paths(file, "test", task.test),
        corpus=_split_paths(file, "corpus", task.corpus),
    )
    return loader.load(source)


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
