"""The directory of one run, which one process writes at a time."""

import shutil
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count
from pathlib import Path

from promptsearch.errors import RunError

LOCK = ".lock"
RUN_FILES = (
    *("prompts.json", "trials.jsonl", "log.jsonl", "candidates.txt"),
    "soft.safetensors",
    "soft",
    "model",
    *("mined.jsonl", "shards", "choices.jsonl", "steps"),
)


class DirectoryTaken(RunError):
    """The directory holds a run, or another process is writing it."""


@contextmanager
def numbered_run_directory(path: Path) -> Iterator[Path]:
    """The first of `path`-1, `path`-2 ... that is free, locked while in use.

    Searches that start at the same moment get a directory each.
    """
    with ExitStack() as stack:
        for number in count(1):
            numbered = path.with_name(f"{path.name}-{number}")
            if numbered.exists() and any(file.name != LOCK for file in numbered.iterdir()):
                continue
            with suppress(DirectoryTaken):
                stack.enter_context(run_directory(numbered))
                break
        yield numbered


@contextmanager
def run_directory(
    path: Path, *, resume: bool = False, overwrite: bool = False, resumable: bool = True
) -> Iterator[Path]:
    """The directory of one run, locked while in use.

    Raises RunError if it holds a run already (unless resumed or overwritten), or another process is
    writing to it.
    """
    from filelock import FileLock, Timeout

    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / LOCK)
        lock.acquire(blocking=False)
    except Timeout:
        raise DirectoryTaken(
            f"{path}: another promptsearch is writing here; wait, or choose -o DIR"
        ) from None
    except OSError as error:
        raise RunError(f"{path}: cannot be written to ({error.strerror}); choose -o DIR") from None
    try:
        _check_free(path, resume, overwrite, resumable)
        yield path
    finally:
        lock.release()


def _check_free(path: Path, resume: bool, overwrite: bool, resumable: bool) -> None:
    if overwrite:
        clear_run(path)
    elif (present := _present(path)) and not resume:
        going_on = "`resume` to go on with it, " if resumable else ""
        raise DirectoryTaken(
            f"{path}: holds a run already ({present[0].name}); add {going_on}`overwrite` to start "
            "anew, or choose another `output`"
        )


def clear_run(path: Path, but: Collection[str] = ()) -> None:
    """Remove the files of a run from its directory, but those of these names."""
    for old in (file for file in _present(path) if file.name not in but):
        shutil.rmtree(old) if old.is_dir() else old.unlink()


def _present(path: Path) -> list[Path]:
    return [path / name for name in RUN_FILES if (path / name).exists()]
