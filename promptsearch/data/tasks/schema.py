"""A task without its data, as the prompts made for it describe it."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from promptsearch.data.kinds import KINDS, PROMPTED, TaskKind
from promptsearch.data.tables.rows import TableFormat
from promptsearch.data.tasks.definition import TaskSchema
from promptsearch.data.tasks.task_file import chat_of
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.files.read import ENCODING


def schema_of(
    section: Mapping[str, object],
    path: Path,
    *,
    kind: TaskKind,
    fields: Sequence[str],
    labels: Sequence[str],
    kinds: Collection[str] = PROMPTED,
) -> TaskSchema:
    """Return the frame that the `task` of a prompts.json tells; no file that it names is looked at.

    `path` is what errors name. What the section leaves out is taken from the prompts: their
    `kind`, the `fields` of their templates and their `labels`. Raises TaskError at a kind that is
    none of `kinds`.
    """
    keys = TomlKeys(section, path, "task.")
    saved = keys.table("definition") or TomlKeys({}, path)
    kind = _kind(keys, kind).configured(saved)
    if kind.name not in kinds:
        raise keys.error("kind", f"it is {kind.name!r}, and this is for {' and '.join(kinds)}")
    inputs = keys.strings("inputs") or tuple(fields)
    declared = (keys.strings("labels") or tuple(labels)) if kind.has_labels else ()
    columns, encoding = saved.strings("columns"), saved.string("encoding", ENCODING)
    layout = TableFormat(columns, encoding, saved.names("rename"))
    return TaskSchema(
        name=keys.string("name", path.stem),
        kind=kind,
        inputs=inputs,
        labels=declared,
        language=saved.string("language", "en"),
        chat=chat_of(saved),
        reader=kind.reader(layout, saved, inputs, declared),
    )


def _kind(keys: TomlKeys, kind: TaskKind) -> TaskKind:
    if (name := keys.string("kind", kind.name)) not in KINDS:
        raise keys.error("kind", f"it is {name!r}; write {' or '.join(KINDS)}")
    return KINDS[name]
