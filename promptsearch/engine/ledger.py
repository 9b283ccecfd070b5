"""The ledger: every trial of a run, appended to `trials.jsonl` as it is scored.

Prompts are scored in chunks and a chunk is one write, so a run killed at any moment leaves whole
chunks and at most one broken tail. The tail is dropped on resume and scored again in the same
chunk, with the same batches: the resumed run ends in the same numbers as an uninterrupted one.
Every line ends in the checksum of the line before it and its own, so that a damaged number is never
taken for a score, and no line goes, comes twice or moves unseen.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import cast
from zlib import crc32

from promptsearch.data.tasks.task_changes import task_changes
from promptsearch.engine.trial import Trial
from promptsearch.errors import RunError

Row = Mapping[str, object]
LEDGER = "trials.jsonl"
FORMAT = "promptsearch-ledger/2"
REPEATED = ("step", "run", "trained_steps", "loss", "weight")  # evidence that a report reads here
_SHOWN = 80  # characters of a value in a message
FIRST_FORMAT = "promptsearch-ledger/1"  # without checksums, and these keys of the identity:
_ADDED = {"examples"}
_SUMS = re.compile(rb'(?:, "after": "([0-9a-f]{8})")?(, "sum": "([0-9a-f]{8})"}\n?\Z)')
_PAID = {"key": str, "forwards": int, "tokens": int, "seconds": int | float}  # of every row


@dataclass
class Ledger:
    """Trials as plain rows, in the order first asked for; in memory only if `path` is None.

    `identity` says what the run is (data, model, strategy, options): a ledger of another run is
    never continued. `task` is the task file as parsed, to say what has changed.
    """

    identity: Row = field(default_factory=dict)
    path: Path | None = None
    task: Row = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    _fd: int | None = None
    _sum: int = 0  # of the last line

    def __enter__(self) -> "Ledger":
        if self.path is not None:
            self._open(self.path)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None

    def append(self, chunk: Sequence[Row]) -> None:
        """Keep a chunk: it is on its way to the disk when this returns."""
        marked = [{**row, "chunk": [number, len(chunk)]} for number, row in enumerate(chunk, 1)]
        self._write(marked)
        self.rows += marked

    def _open(self, path: Path) -> None:
        lines, size, self._sum = _whole_chunks(path)
        if lines and (difference := self._difference(lines[0])):
            raise RunError(f"{path}: {difference}")
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        os.ftruncate(self._fd, size)
        os.lseek(self._fd, 0, os.SEEK_END)
        self.rows = lines[1:]
        if not lines:
            header = {"format": FORMAT, "identity": self.identity, "task": _as_json(self.task)}
            self._write([header])

    def _difference(self, header: Row) -> str:
        """Return how this run is not that of the header; "" if it is."""
        old, new = header.get("identity"), _as_json(self.identity)
        if not isinstance(old, dict):
            return "its first line does not say which run it is of; start anew with `overwrite`"
        unknown = _ADDED if header.get("format") == FIRST_FORMAT else set()
        keys = [k for k in {**old, **new} if k not in unknown and old.get(k) != new.get(k)]
        return _what_differs(keys, old, new, self._changes(header)) if keys else ""

    def _changes(self, header: Row) -> list[str]:
        """Return what has changed in the task file since the header was written."""
        before = header.get("task")
        return [*task_changes(before, _as_json(self.task))] if isinstance(before, dict) else []

    def _write(self, rows: Sequence[Row]) -> None:
        if self._fd is None:
            return
        data = b""
        for row in rows:
            data += (line := line_of(row, self._sum))
            self._sum = sum_of(line)
        try:
            while data:
                data = data[os.write(self._fd, data) :]
            os.fsync(self._fd)
        except OSError as error:
            raise RunError(
                f"{self.path}: cannot be written ({error.strerror}); all trials before are kept: "
                "make room, then go on with `resume`"
            ) from None


def read_ledger(path: Path) -> list[Row]:
    """Return the trials of a ledger's whole chunks; `RunError` names the line of what is none."""
    return _whole_chunks(path)[0][1:]


def identity_in(path: Path) -> Row:
    """Return the identity of a ledger's run, from its first line; empty if there is no ledger."""
    lines = _whole_chunks(path)[0]
    identity = lines[0].get("identity") if lines else None
    return identity if isinstance(identity, dict) else {}


def entry(key: str, trial: Trial, verbalizer: object, rows: Sequence[int] | None) -> Row:
    """Return what a row says of a trial, its scores and cost left out."""
    source = trial.prompt.source
    evidence = {key: source.evidence[key] for key in REPEATED if key in source.evidence}
    return {
        "id": trial.id,
        "key": key,
        "template": str(trial.prompt.template),
        "verbalizer": verbalizer,
        "split": trial.split,
        "rows": None if rows is None else list(rows),
        "n": trial.n,
        "complete": trial.complete,
        "source": {"strategy": source.strategy, "parents": list(source.parents), **evidence},
    }


def line_of(row: Row, before: int | None = None) -> bytes:
    """Return the line of a row, its checksum last; `before` is that of the line before it."""
    body = json.dumps(row, ensure_ascii=False).encode()[:-1]
    if before is not None:
        body += b', "after": "%08x"' % before
    return body + b', "sum": "%08x"}\n' % crc32(body + b"}")


def sum_of(line: bytes) -> int:
    """Return the checksum that a line states; 0 if it has none."""
    mark = _SUMS.search(line)
    return int(mark[3], 16) if mark else 0


def follows(line: bytes, before: int) -> bool:
    """Return False if a line states that it followed a line of another checksum."""
    mark = _SUMS.search(line)
    return mark is None or mark[1] is None or int(mark[1], 16) == before


def _whole_chunks(path: Path) -> tuple[list[Row], int, int]:
    """Return the rows of the ledger's whole chunks (the header first), their bytes and last sum."""
    rows: list[Row] = []
    pending: list[Row] = []
    size = end = last = 0
    for row, line in _parsed(path):
        end += len(line)
        pending.append(row)
        number, size_of_chunk = cast(tuple[int, int], row.get("chunk", (1, 1)))
        if number == size_of_chunk:
            rows += pending
            pending, size, last = [], end, sum_of(line)
    return rows, size, last


def _parsed(path: Path) -> Iterator[tuple[Row, bytes]]:
    """Rows with their lines, up to the first one cut short."""
    if not path.is_file():
        return
    with path.open("rb") as lines:
        summed, before = False, 0
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            try:
                row = row_of(line, summed)
                if not follows(line, before):
                    raise ValueError("the line before it is gone, or another one")
            except (ValueError, RecursionError) as error:
                raise _edited(path, number, error) from error
            summed = summed or row.get("format") == FORMAT
            before = sum_of(line)
            yield row, line


def row_of(line: bytes, summed: bool = False) -> Row:
    """Return the row of a line. Raises ValueError if it is none, or not as it was written.

    A line of a ledger that is `summed` has a checksum; earlier ones may have none.
    """
    mark = _SUMS.search(line)
    if mark and int(mark[3], 16) != crc32(line[: mark.start(2)] + b"}"):
        raise ValueError("its checksum is another one")
    body = line[: mark.start()] + b"}" if mark else line
    row = json.loads(body)
    if not isinstance(row, dict):
        raise ValueError("it is no JSON object")
    if not mark and (summed or row.get("format") == FORMAT):
        raise ValueError("it has no checksum")
    match row.get("chunk", [1, 1]):
        case [int(), int()]:
            return row
        case chunk:
            raise ValueError(f"its chunk is {chunk!r}")


def check_trials(ledger: Ledger) -> None:
    """Raise RunError for the first row that a search cannot go on with, naming its line."""
    for line, row in enumerate(ledger.rows, 2):  # the first one is the header
        try:
            _check_trial(row)
        except ValueError as error:
            raise _edited(ledger.path, line, error) from None


def _check_trial(row: Row) -> None:
    """Raise ValueError if the row lacks what a run reads when it goes on."""
    for name, kind in _PAID.items():
        if not isinstance(row.get(name), kind):
            raise ValueError(f"its {name} is {row.get(name)!r}")
    if str(row["key"]).startswith("work "):  # a strategy's own
        return
    scores = row.get("scores")
    if not isinstance(scores, dict) or not isinstance(scores.get("n"), int):
        raise ValueError(f"its scores are {scores!r}")


def _edited(path: Path | None, line: int, error: Exception) -> RunError:
    return RunError(
        f"{path}, line {line}: not a trial ({error}); the ledger was damaged or edited: mend the "
        "line, or start anew with `overwrite`"
    )


def _what_differs(keys: Sequence[str], old: Row, new: Row, changes: Sequence[str]) -> str:
    """Return the message on identities that differ in these keys, with the task file's changes."""
    why = "; ".join(changes) or _change(old.get(keys[0]), new.get(keys[0]))
    where = "in the task file " if changes else ""
    return (
        f"this run was made with another {', '.join(keys)} ({where}{why}); resume it as it was, or "
        "start anew with `overwrite`"
    )


def _change(old: object, new: object) -> str:
    """Return what was and what is; of the options of a strategy, the first that differs."""
    if isinstance(old, dict) and isinstance(new, dict):
        key = next(key for key in (*old, *new) if old.get(key) != new.get(key))
        return f"{key} {_short(old.get(key))}, now {_short(new.get(key))}"
    return f"{_short(old)}, now {_short(new)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."


def _as_json(row: Row) -> Row:
    """Return the row as it is read back: tuples are lists, dates texts."""
    return cast(Row, json.loads(json.dumps(row, default=str)))


def digest(things: object, rows: Sequence[object] = ()) -> str:
    """Return what names a strategy's own work on these things (and rows) in the ledger."""
    return blake2b(repr((things, rows)).encode(), digest_size=12).hexdigest()
