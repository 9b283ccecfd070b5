"""Files that are whole or not there, and directories that one process writes at a time."""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

from promptsearch.errors import PromptSearchError, RunError

_LONGEST = 200  # bytes of a folder's name, of the 255 that file systems have


def write_atomic(path: Path, text: str) -> None:
    """Write a text: readers see the old file or the new one."""
    write_lines(path, [text])


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines (with their ends) beside `path`, flush them to the disk, rename.

    Raises RunError if the disk is full or nothing may be written there; what was there stays.
    """
    write_chunks(path, (line.encode() for line in lines))


def write_bytes(path: Path, data: bytes) -> None:
    """Write bytes: readers see the old file or the new one."""
    write_chunks(path, [data])


def write_chunks(path: Path, chunks: Iterable[bytes]) -> None:
    """Write bytes as `write_lines` writes lines."""
    try:
        _write_chunks(path, chunks)
    except OSError as error:
        raise _unwritable(path, error) from None


def _write_chunks(path: Path, chunks: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():  # /dev/stdout, a pipe: there is nothing to replace
        with path.open("wb") as stream:
            stream.writelines(chunks)
        return
    path = path.resolve()  # a link stays one
    new = path.with_name(f".{path.name[:100]}.{token_hex(8)}")
    try:
        with new.open("xb") as file:
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        replace_file(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def folder_name(text: str) -> str:
    """Return a name for one folder in another: no path, nothing unprintable, of a length that fits.

    >>> folder_name("../../outside/x")
    'outside-x'
    """
    name = "".join(c if c.isprintable() and c not in "/\\:" else "-" for c in text)
    name = name.lstrip(" .-").encode()[:_LONGEST].decode(errors="ignore")
    return name.rstrip(" .") or "task"


def replace_file(new: Path, path: Path) -> None:
    """Put `new` in the place of `path`, in one step; a file that was there keeps its mode."""
    with suppress(FileNotFoundError):
        new.chmod(stat.S_IMODE(path.stat().st_mode))
    os.replace(new, path.resolve())


def append_line(path: Path, line: str) -> None:
    """Append a line. Raises RunError if the disk is full or nothing may be written there."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> RunError:
    return RunError(
        f"{path}: cannot be written ({error.strerror}); make room or choose another place"
    )


def check_apart(path: Path, *inputs: Path) -> None:
    """Raise RunError if writing `path`, a file or a folder, would replace one of the inputs."""
    if not path.exists():
        return
    folder = path.resolve() if path.is_dir() else None
    for source in inputs:
        if not source.exists():
            continue
        inside = folder is not None and source.resolve().is_relative_to(folder)
        if inside or path.samefile(source):
            what = "is" if path.samefile(source) else f"holds {source.name}, which is"
            raise RunError(f"{path}: {what} what is read; choose another place to write to")


def check_new(path: Path, overwrite: bool, *inputs: Path) -> None:
    """Raise RunError if writing `path` would replace what stands there, or one of the inputs."""
    check_apart(path, *inputs)
    if path.exists() and not overwrite:
        raise RunError(f"{path}: is there already; add `overwrite`, or choose another place")


def make_folder_of(path: Path, way_out: str, kind: type[PromptSearchError] = RunError) -> None:
    """The folder that a file is to lie in; an error of this kind where there can be none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise kind(f"{path}: cannot be written ({error.strerror}); {way_out}") from None
