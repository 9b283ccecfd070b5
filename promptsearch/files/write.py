"""Files that are whole or not there, and directories that one process writes at a time."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from promptsearch.errors import PromptSearchError, RunError

_LONGEST = 200  # bytes of a folder's name, of the 255 that file systems have


def write_atomic(path: Path, text: str) -> None:
    """Write a text: readers see the old file or the new one."""
    write_lines(path, [text])


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines (with their ends) beside `path`, flush them to the disk, rename.

    Raises RunError if the disk is full or nothing may be written there; what was there stays.
    """
    try:
        _write_lines(path, lines)
    except OSError as error:
        raise RunError(
            f"{path}: cannot be written ({error.strerror}); make room or choose another place"
        ) from None


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def folder_name(text: str) -> str:
    """Return a name for one folder in another: no path, nothing unprintable, of a length that fits.

    >>> folder_name("../../outside/x")
    'outside-x'
    """
    name = "".join(c if c.isprintable() and c not in "/\\:" else "-" for c in text)
    name = name.lstrip(" .-").encode()[:_LONGEST].decode(errors="ignore")
    return name.rstrip(" .") or "task"


def check_apart(path: Path, *inputs: Path) -> None:
    """Raise RunError if writing `path` would replace one of the inputs."""
    if path.exists() and any(source.exists() and path.samefile(source) for source in inputs):
        raise RunError(f"{path}: is what is read; choose another place to write to")


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
