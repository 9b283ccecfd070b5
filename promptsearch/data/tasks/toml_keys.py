"""Typed reading of a TOML table: every complaint names the file, the key and the way out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from promptsearch.errors import TaskError, did_you_mean

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
            raise self.error(key, f'it must be a string, such as "text", not {value!r}')
        return value

    def optional(self, key: str) -> str | None:
        return self.string(key, "") or None

    def flag(self, key: str, *, default: bool) -> bool:
        value = self.document.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"it must be true or false, not {value!r}")
        return value

    def strings(self, key: str) -> tuple[str, ...]:
        """Return a list of strings, or one; empty where the key is missing."""
        value = self.document.get(key, [])
        values = value if isinstance(value, list) else [value]
        if wrong := [each for each in values if not isinstance(each, str) or not each]:
            raise self.error(key, f"it must be a string or a list of strings, not {wrong[0]!r}")
        return tuple(values)

    def table(self, key: str) -> "TomlKeys | None":
        value = self.document.get(key)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise self.error(key, f"it must be a table [{key}], not {value!r}")
        return TomlKeys(value, self.file, f"{self.prefix}{key}.")

    def names(self, key: str) -> dict[str, str]:
        """Return a table from names to names; empty where the key is missing."""
        table = self.table(key)
        if table is None:
            return {}
        return {name: table.required(name, table.string(name, "")) for name in table.document}
