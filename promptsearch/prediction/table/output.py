"""Destinations of predictions: a stream, or a file that appears when it is complete.

    FILE.part       lines so far
    FILE.journal    the progress after each chunk that is on the disk (a `Ledger`)

Killed at any moment, the part ends somewhere behind its last whole chunk; a resumed pass cuts it
there, if what is before has the journal's checksum. At the end it becomes FILE, and the journal
goes.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from io import RawIOBase
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from promptsearch.engine.ledger import Ledger
from promptsearch.errors import RunError
from promptsearch.files.write import replace_file
from promptsearch.prediction.table.label_rows import Done

Finish = Callable[[Path, Path], None]  # makes the second file from the first one


@dataclass
class Stream:
    """Stream of lines, which cannot be resumed."""

    stream: BinaryIO
    done: Done = field(default=Done())

    def write(self, text: str, done: Done) -> None:
        """Write lines. Raises RunError if it fails.

        BrokenPipeError, from a reader that has left, is the caller's to handle.
        """
        try:
            self.stream.write(text.encode())
            self.stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise RunError(f"standard output: cannot be written ({error.strerror})") from None
        self.done = done


@dataclass(frozen=True)
class Target:
    """File to write, and the files beside it until it is complete."""

    file: Path

    @property
    def part(self) -> Path:
        return self._beside("part")

    @property
    def journal(self) -> Path:
        return self._beside("journal")

    @property
    def lock(self) -> Path:
        return self._beside("lock")

    @property
    def is_started(self) -> bool:
        """True if the part holds a chunk: the journal has a line after its first."""
        if not self.journal.exists():
            return False
        with self.journal.open("rb") as lines:
            return sum(1 for _ in islice(lines, 2)) == 2

    @property
    def is_whole(self) -> bool:
        """True if a pass came to its end, and only its journal remains."""
        return self.file.exists() and self.journal.exists() and not self.part.exists()

    def check(self, *, resume: bool, overwrite: bool) -> None:
        """Raise RunError if a file would be lost, or there is nothing to resume."""
        if overwrite:
            return
        if self.file.exists() and not (resume and self.journal.exists()):
            what = "is whole: there is nothing to resume" if resume else "exists"
            raise RunError(
                f"{self.file}: {what}; add `overwrite` to label anew, or choose another `output`"
            )
        if self.is_started and not resume:
            raise RunError(
                f"{self.file}: is half made ({self.part}); add `resume` to go on with it, "
                "`overwrite` to start anew"
            )

    def clear(self) -> None:
        """Remove the files of a pass beside the file."""
        for path in (self.part, self.journal):
            path.unlink(missing_ok=True)

    def _beside(self, ending: str) -> Path:
        return self.file.with_name(f"{self.file.name}.{ending}")


@dataclass
class PartialOutput:
    """Lines of a target so far."""

    path: Path
    file: RawIOBase
    ledger: Ledger
    done: Done
    checksum: int = 0  # of all bytes

    def write(self, text: str, done: Done) -> None:
        """Write lines to the disk before returning. Raises RunError if there is no room."""
        with run_errors(self.path):
            data = rest = text.encode()
            while rest:  # unbuffered: what a full disk refuses is not tried again by `close`
                rest = rest[self.file.write(rest) :]
            os.fsync(self.file.fileno())
            self.checksum = crc32(data, self.checksum)
            progress = {"bytes": self.file.tell(), "checksum": self.checksum}
            self.ledger.append([{**asdict(done), **progress}])
            del self.ledger.rows[:-1]  # one is enough, of millions
        self.done = done


@contextmanager
def part_of(target: Target, identity: Mapping[str, object]) -> Iterator[PartialOutput]:
    """Yield the target's part, at the end of its last whole chunk; for one process at a time.

    Raises RunError if it is another pass's: its journal has another `identity`.
    """
    if not target.is_started:
        target.clear()
    with run_errors(target.part):
        target.part.touch()
    with (
        Ledger(identity, target.journal) as ledger,
        target.part.open("r+b", buffering=0) as file,
    ):
        last = _progress(target, ledger)
        file.truncate(last.end)
        file.seek(0)
        checksum = _checksum(file)
        if last.checksum not in (None, checksum):
            raise RunError(
                f"{target.part}: is not as it was written (its checksum is another one); start "
                "anew with `overwrite`"
            )
        part = PartialOutput(target.part, file, ledger, last.done, checksum)
        try:
            yield part
        finally:
            if not part.done.read:
                target.clear()


@dataclass(frozen=True)
class _Progress:
    """The last line of a journal: rows that are done, and the part's bytes then."""

    done: Done = field(default=Done())
    end: int = 0
    checksum: int | None = 0  # None: of a journal from before there were any


def _progress(target: Target, ledger: Ledger) -> _Progress:
    """Return the progress that a journal tells. Raises RunError if it cannot be gone on with."""
    if not ledger.rows:
        return _Progress()
    match last := ledger.rows[-1]:
        case {"read": int(read), "written": int(written), "fingerprint": str(rows)} if (
            isinstance(end := last.get("bytes"), int) and end >= 0
        ):
            checksum = last.get("checksum")
        case _:
            raise RunError(f"{target.journal}: is damaged; start anew with `overwrite`")
    if (size := target.part.stat().st_size) < end:
        raise RunError(
            f"{target.part}: has {size:,} bytes where its journal says {end:,}; start anew "
            "with `overwrite`"
        )
    return _Progress(
        Done(read, written, rows), end, checksum if isinstance(checksum, int) else None
    )


def _checksum(file: RawIOBase) -> int:
    """Return the checksum of the rest of a file, which is read to its end."""
    checksum = 0
    while block := file.read(1 << 20):
        checksum = crc32(block, checksum)
    return checksum


@contextmanager
def locked(target: Target) -> Iterator[None]:
    """Lock the target. Raises RunError if another process is writing it, or it is not writable."""
    from filelock import FileLock, Timeout

    lock = FileLock(target.lock)
    try:
        target.file.parent.mkdir(parents=True, exist_ok=True)
        target.lock.touch()
        lock.acquire(blocking=False)
    except Timeout:
        message = "another promptsearch is writing this; wait, or choose another `output`"
        raise RunError(f"{target.file}: {message}") from None
    except OSError as error:
        message = f"cannot be written ({error.strerror}); choose another `output`"
        raise RunError(f"{target.file}: {message}") from None
    try:
        yield
    finally:
        target.lock.unlink(missing_ok=True)
        lock.release()


def finished(target: Target, finish: Finish | None = None) -> None:
    """Turn the part into the file: as it is, or through `finish`, which writes a new one."""
    with run_errors(target.file):
        if finish is not None:
            new = target.file.with_name(f"{target.file.name}.new")
            finish(target.part, new)
            replace_file(new, target.file)
        else:
            replace_file(target.part, target.file)
        target.clear()


@contextmanager
def run_errors(path: Path) -> Iterator[None]:
    """Raise RunError in place of the system's errors of writing."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written ({error.strerror}); make room, then go on with `resume`"
        ) from None
