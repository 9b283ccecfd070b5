"""A table of a TOML file whose values are checked: errors name the file, the key, the way out."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from promptsearch.data.tables.conll import Column
from promptsearch.data.tables.strict_json import check_nesting
from promptsearch.errors import TaskError, brief, did_you_mean
from promptsearch.files.read import open_bytes

T = TypeVar("T")
_WORD = 63  # bits of a whole number beside its sign
WRITES_ONE = "`promptsearch init DATA --label COLUMN` writes one from a table"


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


def toml_string(text: str) -> str:
    """Return a TOML basic string: JSON's, but TOML also wants DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


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
