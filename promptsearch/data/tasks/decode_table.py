"""The `[decode]` table of a task file: how a model writes texts."""

from dataclasses import dataclass, fields
from math import isfinite

from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.errors import brief

DECODE = "decode"


@dataclass(frozen=True)
class Decode:
    """Texts are written greedily, or by beams; always the same text for the same input."""

    max_tokens: int = 64
    beams: int = 1
    stop: tuple[str, ...] = ("\n",)  # a text ends before the first of these
    length_penalty: float = 1.0  # of beams: the power of the length that divides their log p

    @property
    def described(self) -> dict[str, object]:
        """The table as files have it."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    @property
    def forwards(self) -> int:
        """Passes that a text may take at most: one a token and beam."""
        return self.max_tokens * self.beams

    @classmethod
    def of(cls, keys: TomlKeys) -> "Decode":
        """Return what a task file says. Raises TaskError at a key that is wrong."""
        table = keys.table(DECODE)
        if table is None:
            return cls()
        if table.document.get("do_sample"):
            raise table.error(
                "do_sample",
                "drawn texts differ from run to run, and a search would choose by luck; take it "
                "out (texts are written greedily, or by beams)",
            )
        table.refuse_unknown([*(field.name for field in fields(cls)), "do_sample"])
        counts = _count(table, "max_tokens", cls.max_tokens), _count(table, "beams", cls.beams)
        stop = table.strings("stop") if "stop" in table.document else cls.stop
        return cls(*counts, stop, _penalty(table, cls.length_penalty))


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _count(table: TomlKeys, key: str, default: int) -> int:
    value = table.document.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1 << 16:
        raise table.error(
            key, f"it must be a whole number from 1 to 65536, not {brief(repr(value))}"
        )
    return value


def _penalty(table: TomlKeys, default: float) -> float:
    value = table.document.get("length_penalty", default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise table.error("length_penalty", f"it must be a number, not {brief(repr(value))}")
    return float(value)
