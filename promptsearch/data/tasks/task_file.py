"""The task file: the keys that every kind of task has, read into a value of the right types.

Only the file itself is looked at here; the keys of one kind are read by `data/kinds`, and the data
that they name by `load`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from promptsearch.data.kinds.kind import TaskKind
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.files.read import ENCODING


@dataclass(frozen=True)
class ChatKeys:
    """The `[chat]` table: messages around the prompt of an instruction-tuned model."""

    system: str | None = None
    answer_prefix: str | None = None


@dataclass(frozen=True)
class TaskFile:
    """The keys of a task file by their names in its format; `rename` is an extension."""

    name: str
    kind: TaskKind
    train: tuple[str, ...]
    dev: tuple[str, ...]
    test: tuple[str, ...]
    template: str
    language: str
    corpus: tuple[str, ...]
    corpus_column: str | None
    chat: ChatKeys | None
    columns: tuple[str, ...]
    encoding: str
    rename: Mapping[str, str]  # column -> the name we use, where files name things differently


OF_PROMPTS = ("header", "rename", "corpus", "corpus_column", "chat")
_OF_ALL = tuple(field.name for field in fields(TaskFile) if field.name not in OF_PROMPTS)


def task_file(keys: TomlKeys, kind: TaskKind) -> TaskFile:
    """Return the checked task file; `TaskError` names the file, the key and the way out."""
    keys.refuse_unknown((*_OF_ALL, *kind.keys))
    return TaskFile(
        name=keys.string("name", keys.file.stem),
        kind=kind,
        train=keys.required("train", keys.strings("train")),
        dev=keys.strings("dev"),
        test=keys.strings("test"),
        template=_template(keys, kind),
        language=keys.string("language", "en"),
        corpus=keys.strings("corpus"),
        corpus_column=keys.optional("corpus_column"),
        chat=chat_of(keys),
        columns=_columns(keys) if "header" in kind.keys else keys.strings("columns"),
        encoding=keys.string("encoding", ENCODING),
        rename=keys.names("rename"),
    )


def _template(keys: TomlKeys, kind: TaskKind) -> str:
    """Return the manual template; a kind that has one by default needs none."""
    text = keys.string("template", kind.default_template)
    return text if kind.default_template else keys.required("template", text)


def _columns(keys: TomlKeys) -> tuple[str, ...]:
    """Return the names of a table without a header; none where it has one."""
    columns = keys.strings("columns")
    if keys.flag("header", default=True) == bool(columns):
        raise keys.error(
            "columns",
            'a table without a header needs both header = false and columns = ["...", ...]; '
            "to give a header's column another name, use [rename]",
        )
    return columns


def chat_of(keys: TomlKeys) -> ChatKeys | None:
    """Return what the [chat] of a task says."""
    chat = keys.table("chat")
    if chat is None:
        return None
    chat.refuse_unknown([field.name for field in fields(ChatKeys)])
    return ChatKeys(chat.optional("system"), chat.optional("answer_prefix"))
