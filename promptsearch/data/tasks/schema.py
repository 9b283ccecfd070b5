"""A task without its data: what it takes to read rows that have no label yet."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast, get_args

from promptsearch.data.tables.rows import TableFormat
from promptsearch.data.tasks.facts_reader import SUBJECT, FactsReader
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.markup import Markup
from promptsearch.data.tasks.tags_reader import TagsReader
from promptsearch.data.tasks.task_file import (
    PROMPTED,
    ChatKeys,
    Kind,
    TomlKeys,
    chat_of,
    labels_of,
    scheme_in,
)
from promptsearch.files.read import ENCODING

Reader: TypeAlias = LabelledReader | FactsReader | TagsReader


@dataclass(frozen=True)
class TaskSchema:
    """The inputs and labels of a task, and the reader of its rows."""

    name: str
    kind: Kind
    inputs: tuple[str, ...]
    labels: tuple[str, ...]  # () for facts: each prompt has its candidates
    language: str
    chat: ChatKeys | None
    reader: Reader


def schema_of(
    section: Mapping[str, object],
    path: Path,
    *,
    kind: Kind,
    fields: Sequence[str],
    labels: Sequence[str],
    kinds: Collection[Kind] = PROMPTED,
) -> TaskSchema:
    """Return the frame that the `task` of a prompts.json tells; no file that it names is looked at.

    `path` is what errors name. What the section leaves out is taken from the prompts: their
    `kind`, the `fields` of their templates and their `labels`. Raises TaskError at a kind that is
    none of `kinds`.
    """
    keys = TomlKeys(section, path, "task.")
    saved = keys.table("definition") or TomlKeys({}, path)
    kind = _kind(keys, kind)
    if kind not in kinds:
        raise keys.error("kind", f"it is {kind!r}, and this is for {' and '.join(kinds)}")
    inputs = keys.strings("inputs") or tuple(fields)
    declared = () if kind == "facts" else keys.strings("labels") or tuple(labels)
    return TaskSchema(
        name=keys.string("name", path.stem),
        kind=kind,
        inputs=inputs,
        labels=declared,
        language=saved.string("language", "en"),
        chat=chat_of(saved),
        reader=_reader(saved, kind, inputs, declared),
    )


def _kind(keys: TomlKeys, kind: Kind) -> Kind:
    if (value := keys.string("kind", kind)) not in get_args(Kind):
        raise keys.error("kind", f"it is {value!r}; write {' or '.join(get_args(Kind))}")
    return cast(Kind, value)


def _reader(
    saved: TomlKeys, kind: Kind, inputs: tuple[str, ...], labels: tuple[str, ...]
) -> Reader:
    columns, encoding = saved.strings("columns"), saved.string("encoding", ENCODING)
    layout = TableFormat(columns, encoding, saved.names("rename"))
    if kind == "facts":
        return FactsReader(
            layout, saved.string("subject", SUBJECT), saved.string("object", "object")
        )
    if kind == "tags":
        columns_of_words = saved.column("words"), saved.column("tags")
        return TagsReader(layout, *columns_of_words, labels_of(saved), scheme_in(saved))
    label, markup = saved.string("label", "label"), Markup(saved.names("markup"))
    return LabelledReader(layout, label, labels, inputs, frozenset(inputs), markup)
