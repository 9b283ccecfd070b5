"""The directory of one run, which one process writes at a time."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from promptsearch.errors import RunError

RUN_FILES = (
    *("prompts.json", "trials.jsonl", "log.jsonl", "candidates.txt"),
    *("mined.jsonl", "shards", "choices.jsonl", "steps"),
)


@contextmanager
def run_directory(path: Path, *, resume: bool = False, overwrite: bool = False) -> Iterator[Path]:
    """The directory of one run, locked while in use.

    Raises RunError if it holds a run already (unless resumed or overwritten), or another process is
    writing to it.
    """
    from filelock import FileLock, Timeout

    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / ".lock")
        lock.acquire(blocking=False)
    except Timeout:
        raise RunError(
            f"{path}: another promptsearch is writing here; wait, or choose -o DIR"
        ) from None
    except OSError as error:
        raise RunError(f"{path}: cannot be written to ({error.strerror}); choose -o DIR") from None
    try:
        _check_free(path, resume, overwrite)
        yield path
    finally:
        lock.release()


def _check_free(path: Path, resume: bool, overwrite: bool) -> None:
    if overwrite:
        clear_run(path)
    elif (present := _present(path)) and not resume:
        raise RunError(
            f"{path}: holds a run already ({present[0].name}); add `resume` to go on with it, "
            "`overwrite` to start anew, or choose another `output`"
        )


def clear_run(path: Path) -> None:
    """Remove the files of a run from its directory."""
    for old in _present(path):
        shutil.rmtree(old) if old.is_dir() else old.unlink()


def _present(path: Path) -> list[Path]:
    return [path / name for name in RUN_FILES if (path / name).exists()]
