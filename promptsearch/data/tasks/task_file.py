"""The task file: TOML read into a value whose parts have the right types.

Only the file itself is looked at here; the data it names are read by `definition`.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, TypeVar, cast, get_args

from promptsearch.data.tables.conll import Column
from promptsearch.data.tables.strict_json import check_nesting
from promptsearch.data.tasks.ptr_rules import ENDINGS, read_rules
from promptsearch.data.tasks.tagged_sentence import TEXT, FileScheme, is_file_tag, no_tag
from promptsearch.errors import DataError, TaskError, brief, did_you_mean
from promptsearch.files.read import ENCODING, expand_one, kind_of, open_bytes

T = TypeVar("T")


@dataclass(frozen=True)
class TomlKeys:
    """A table of the document that `file` holds; `prefix` says which."""

    document: Mapping[str, object]
    file: Path
    prefix: str = ""

    def error(self, key: str, message: str) -> TaskError:
        return TaskError(f"{self.file}: {self.prefix}{key}: {message}")

    def refuse_unknown(self, known: Sequence[str]) -> None:
        for key in self.document:
            if key not in known:
                raise self.error(
                    key,
                    f"there is no such key{did_you_mean(key, known)}; "
                    f"the keys are {', '.join(sorted(known))}",
                )

    def required(self, key: str, value: T) -> T:
        if not value:
            raise self.error(key, "it is missing or empty, and the task needs it; add it")
        return value

    def string(self, key: str, default: str) -> str:
        value = self.document.get(key, default)
        if not isinstance(value, str):
            raise self.error(key, f'it must be a string, such as "text", not {brief(repr(value))}')
        return value

    def optional(self, key: str) -> str | None:
        return self.string(key, "") or None

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.document.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"it must be true or false, not {brief(repr(value))}")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        """Return a list of strings, or one; empty where the key is missing."""
        value = self.document.get(key, [])
        values = value if isinstance(value, list) else [value]
        if wrong := [each for each in values if not isinstance(each, str) or not each]:
            raise self.error(
                key, f"it must be a string or a list of strings, not {brief(repr(wrong[0]))}"
            )
        return tuple(values)

    def column(self, key: str) -> Column | None:
        """Return a column's name, or its number, -1 being the last; None without the key."""
        value = self.document.get(key)
        is_number = isinstance(value, int) and not isinstance(value, bool) and value != 0
        if value is None or is_number or (isinstance(value, str) and value):
            return cast("Column | None", value)
        example = f'"tokens", or its number, 1 being the first, not {brief(repr(value))}'
        raise self.error(key, f"it must be a column's name, such as {example}")

    def table(self, key: str) -> "TomlKeys | None":
        value = self.document.get(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise self.error(key, f"it must be a table [{key}], not {brief(repr(value))}")
        return TomlKeys(value, self.file, f"{self.prefix}{key}.")

    def names(self, key: str) -> dict[str, str]:
        """Return a table from names to names; empty where the key is missing."""
        table = self.table(key)
        if table is None:
            return {}
        return {name: table.required(name, table.string(name, "")) for name in table.document}


Kind = Literal["classification", "facts", "tags"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PROMPTED: tuple[Kind, ...] = ("classification", "facts")  # whose answers a prompt's slot may hold
Answers = Mapping[str, str | Sequence[object]]  # label -> answers, as written
_OF_PROMPTS = ("header", "rename", "corpus", "corpus_column", "chat")
_ONLY: Mapping[Kind, tuple[str, ...]] = {
    "classification": ("inputs", "label", "negative_label", "answers", "markup", *_OF_PROMPTS),
    "facts": ("subject", "object", "candidates", *_OF_PROMPTS),
    "tags": ("words", "tags", "labels", "scheme"),
}
TAGS_TEMPLATE = f"{{{TEXT}}} [Z]"  # nothing but the sentence is read; a template must have a slot


@dataclass(frozen=True)
class ChatKeys:
    """The `[chat]` table: messages around the prompt of an instruction-tuned model."""

    system: str | None = None
    answer_prefix: str | None = None


@dataclass(frozen=True)
class TaskFile:
    """The keys of a task file by their names in its format; `rename` is an extension."""

    name: str
    kind: Kind
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
    inputs: tuple[str, ...]
    label: str
    negative_label: str | None
    answers: Answers
    markup: Mapping[str, str]
    subject: str
    object: str
    candidates: str | None
    words: Column | None
    tags: Column | None
    labels: tuple[str, ...]
    scheme: FileScheme


_WORD = 63  # bits of a whole number beside its sign
WRITES_ONE = "`promptsearch init DATA --label COLUMN` writes one from a table"


def read_toml(file: Path, kind: str = "task file", way_out: str = WRITES_ONE) -> dict[str, object]:
    """Return the document as parsed. Raises TaskError if the file is missing or no TOML."""
    with open_bytes(file) as stream:
        data = stream.read()
    try:
        document = tomllib.loads(data.decode("utf-8-sig"))
        check_nesting(document)
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise TaskError(f"{file}, line {line}: not UTF-8; save the {kind} as UTF-8") from None
    except RecursionError:
        raise TaskError(f"{file}: not a {kind} in TOML (nested too deep); {way_out}") from None
    except ValueError as error:  # of TOML, or of numbers and nesting beyond the limits
        raise TaskError(f"{file}: not a {kind} in TOML ({error}); {way_out}") from None
    _refuse_long_numbers(document, file)
    return document


def _refuse_long_numbers(document: Mapping[str, object], file: Path) -> None:
    """Raise TaskError at a whole number that TOML has not, and that has too many digits to show."""
    pending: list[tuple[str, object]] = list(document.items())
    while pending:
        key, value = pending.pop()
        if isinstance(value, int) and value.bit_length() > _WORD:
            raise TaskError(f"{file}: {key}: the number is beyond TOML's {_WORD + 1} bits; mend it")
        if isinstance(value, Mapping):
            pending += [(f"{key}.{name}", inner) for name, inner in value.items()]
        elif isinstance(value, list):
            pending += [(key, inner) for inner in value]


def task_file(document: Mapping[str, object], file: Path) -> TaskFile:
    """Return the checked task file; `TaskError` names the file, the key and the way out."""
    keys = TomlKeys(document, file)
    kind = _kind(keys)
    foreign = _refuse_foreign(keys, kind)
    known = ("header", *(field.name for field in fields(TaskFile)))
    keys.refuse_unknown([key for key in known if key not in foreign])
    return TaskFile(
        name=keys.string("name", file.stem),
        kind=kind,
        train=keys.required("train", keys.strings("train")),
        dev=keys.strings("dev"),
        test=keys.strings("test"),
        template=_template(keys, kind),
        language=keys.string("language", "en"),
        corpus=keys.strings("corpus"),
        corpus_column=keys.optional("corpus_column"),
        chat=chat_of(keys),
        columns=keys.strings("columns") if kind == "tags" else _columns(keys),
        encoding=keys.string("encoding", ENCODING),
        rename=keys.names("rename"),
        inputs=keys.strings("inputs"),
        label=keys.string("label", "label"),
        negative_label=keys.optional("negative_label"),
        answers=keys.required("answers", _answers(keys)) if kind == "classification" else {},
        markup=keys.names("markup"),
        subject=keys.string("subject", "subject"),
        object=keys.string("object", "object"),
        candidates=keys.optional("candidates"),
        words=keys.column("words"),
        tags=keys.column("tags"),
        labels=labels_of(keys),
        scheme=scheme_in(keys),
    )


def _kind(keys: TomlKeys) -> Kind:
    value = keys.document.get("kind")
    if value in KINDS:
        return value
    problem = "it is missing" if value is None else f"it is {brief(repr(value))}"
    message = f'{problem}; write kind = "classification", kind = "facts" or kind = "tags"'
    raise keys.error("kind", message)


def _template(keys: TomlKeys, kind: Kind) -> str:
    """Return the manual template; tags need none."""
    if kind == "tags":
        return keys.string("template", TAGS_TEMPLATE)
    return keys.required("template", keys.string("template", ""))


def labels_of(keys: TomlKeys) -> tuple[str, ...]:
    """Return the tags that a task of tags lists.

    Raises TaskError if one stands twice, or is none of the scheme.
    """
    labels, scheme = keys.strings("labels"), scheme_in(keys)
    if wrong := [label for label in labels if not is_file_tag(label, scheme)]:
        raise keys.error("labels", no_tag(wrong[0], scheme))
    if twice := [label for label in labels if labels.count(label) > 1]:
        raise keys.error("labels", f"{twice[0]!r} stands twice; keep one")
    return labels


def scheme_in(keys: TomlKeys) -> FileScheme:
    """Return the scheme of the tags in files."""
    if (value := keys.string("scheme", "IOB2")) not in get_args(FileScheme):
        names = " or ".join(f'"{name}"' for name in get_args(FileScheme))
        raise keys.error("scheme", f"it is {brief(repr(value))}; write {names}")
    return cast(FileScheme, value)


def _refuse_foreign(keys: TomlKeys, kind: Kind) -> Sequence[str]:
    """Return the keys that other kinds have. Raises TaskError if one stands here."""
    foreign = [key for names in _ONLY.values() for key in names if key not in _ONLY[kind]]
    if unknown := [key for key in foreign if key in keys.document]:
        raise keys.error(unknown[0], f'it has no meaning for kind = "{kind}"; remove it')
    return foreign


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


def _answers(keys: TomlKeys) -> Answers:
    """Label -> answers, from the table, or the TOML file or the rule file that it names."""
    table = keys
    if isinstance(keys.document.get("answers"), str):
        file = _answers_file(keys)
        if kind_of(file) in ENDINGS:
            return read_rules(file)
        document = read_toml(file)
        nested = isinstance(document.get("answers"), Mapping)
        table = TomlKeys(document if nested else {"answers": document}, file)
    answers = table.table("answers")
    return {} if answers is None else {name: _listed(answers, name) for name in answers.document}


def _answers_file(keys: TomlKeys) -> Path:
    try:
        return expand_one(keys.string("answers", ""), keys.file.parent)
    except DataError as error:
        raise keys.error("answers", str(error)) from None


def _listed(answers: TomlKeys, label: str) -> str | Sequence[object]:
    value = answers.document[label]
    if not isinstance(value, str | list):
        raise answers.error(
            label, f"it must be a string or a list of them, not {brief(repr(value))}"
        )
    return value
