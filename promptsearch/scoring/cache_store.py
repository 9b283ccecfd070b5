"""The score cache: what models said of examples under prompts, kept on disk across runs.

    DIR/promptsearch-cache.json      marks the directory as a cache
    DIR/<scorer>/scorer.json         what the scorer is, for people
    DIR/<scorer>/<prompt>.scores     one block: its scores under one prompt (`cache_blocks`)

Processes share it: they add records to a block one at a time (a lock), readers take no lock and
believe whole valid records only. Nothing is flushed on purpose: what a crash takes is scored again.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from promptsearch.errors import RunError
from promptsearch.files.write import write_atomic
from promptsearch.scoring import cache_blocks
from promptsearch.scoring.cache_blocks import Known, Values, content
from promptsearch.scoring.cache_blocks import digest as digest
from promptsearch.scoring.cache_blocks import row_key as row_key

_MARKER = "promptsearch-cache.json"
_MARK = b'{"format": "promptsearch-cache/1"}\n'
_LOCK = ".promptsearch-cache.lock"
_DESCRIPTION = "scorer.json"
_NAME = re.compile(r"[0-9a-f]{32}")
_OURS = re.compile(r"\.?promptsearch-cache\..*")  # in DIR, beside the scorers' folders
_OURS_INSIDE = re.compile(r"[0-9a-f]{32}\.scores|\.?scorer\.json.*")
_PATIENCE = 60.0  # seconds; a writer needs the lock for about a millisecond


class CacheError(RunError):
    """The cache cannot be read or written: no reason for a search to stop."""


@dataclass(frozen=True)
class ScorerInfo:
    """Stored scores of one scorer; `damaged` counts its files with bytes that are not believed."""

    scorer: str
    description: Mapping[str, object]
    prompts: int
    scores: int  # rows x width, each row once
    bytes: int
    damaged: int


@dataclass(frozen=True)
class CacheInfo:
    """Contents of a cache, or those before it was cleared; `foreign` files are not the cache's."""

    directory: Path
    scorers: tuple[ScorerInfo, ...]
    foreign: int

    def total(self, count: str) -> int:
        """Return the sum of a count of the scorers: "prompts", "scores", "bytes" or "damaged"."""
        return sum(getattr(scorer, count) for scorer in self.scorers)


@dataclass(frozen=True)
class ScoreCache:
    """Float32 vectors by (scorer, prompt, row): two `digest`s and a `row_key`.

    The directory is made on the first `add` or `describe`. All methods raise `CacheError` where
    files cannot be used; damage is no error, the rows in it are not known.
    """

    directory: Path

    def find(self, scorer: str, prompt: str, rows: Sequence[bytes]) -> tuple[Known, Values]:
        """known (row,) and values (row, width), exactly as stored, NaN where unknown.

        The width is the block's; (row, 0) where there is none.
        """
        try:
            return cache_blocks.find(self._path(scorer, f"{prompt}.scores"), rows)
        except FileNotFoundError:
            return cache_blocks.nothing(rows)
        except OSError as error:
            raise self._unusable("read", error) from None

    def add(self, scorer: str, prompt: str, rows: Sequence[bytes], values: Values) -> None:
        """Store `values`, (row, width); damage in the block, and other widths, go."""
        path = self._path(scorer, f"{prompt}.scores")
        if rows:
            with self._locked():
                path.parent.mkdir(exist_ok=True)
                cache_blocks.append(path, rows, values)

    def describe(self, scorer: str, what: Mapping[str, object]) -> None:
        """Keep `what` (JSON values) beside the scorer's blocks; writes only if it is not there."""
        path = self._path(scorer, _DESCRIPTION)
        text = json.dumps(dict(what), indent=1, allow_nan=False) + "\n"
        if content(path) != text.encode():
            with self._locked():
                write_atomic(path, text)

    @property
    def is_there(self) -> bool:
        """True if the directory is marked as a cache."""
        return content(self.directory / _MARKER) == _MARK

    def info(self) -> CacheInfo:
        """Return what is stored, every record checked."""
        try:
            self._check_ours()
            folders = self._folders()
            ours = {path for folder in folders for path in _ours(folder)}
            every = {path for folder in (self.directory, *folders) for path in folder.iterdir()}
        except OSError as error:
            raise self._unusable("read", error) from None
        foreign = {path for path in every - ours - {*folders} if not _OURS.fullmatch(path.name)}
        return CacheInfo(self.directory, tuple(map(_scorer_info, folders)), len(foreign))

    def clear(self) -> CacheInfo:
        """Remove what is stored and say what it was; the directory and foreign files stay."""
        removed = self.info()
        if removed.scorers:
            with self._locked():
                for folder in self._folders():
                    for path in _ours(folder):
                        path.unlink(missing_ok=True)
                    if not any(folder.iterdir()):
                        folder.rmdir()
        return removed

    def _path(self, scorer: str, name: str) -> Path:
        if not (_NAME.fullmatch(scorer) and _OURS_INSIDE.fullmatch(name)):
            raise ValueError(f"{scorer}/{name} is no name in the cache; make names with digest()")
        return self.directory / scorer / name

    def _folders(self) -> list[Path]:
        named = (path for path in self.directory.iterdir() if _NAME.fullmatch(path.name))
        return sorted(path for path in named if path.is_dir() and not path.is_symlink())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The cache for one writer; made where there is none yet."""
        from filelock import FileLock

        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            self._check_ours()
            lock = FileLock(self.directory / _LOCK)
            with lock.acquire(timeout=_PATIENCE, poll_interval=0.005):
                if content(self.directory / _MARKER) != _MARK:
                    write_atomic(self.directory / _MARKER, _MARK.decode())
                yield
        except (OSError, NotImplementedError) as error:  # not implemented: no locks there
            raise self._unusable("written to", error) from None
        except CacheError:
            raise
        except RunError as error:  # of `write_atomic`
            raise CacheError(str(error)) from None

    def _check_ours(self) -> None:
        others = [name for name in os.listdir(self.directory) if not _OURS.fullmatch(name)]
        # Asked after the listing: the marker is older than what another process may put here.
        if others and content(self.directory / _MARKER) != _MARK:
            raise CacheError(
                f"{self.directory}: is no promptsearch cache (it holds {others[0]}, and no valid "
                f"{_MARKER}); choose another `cache` DIR"
            )

    def _unusable(self, how: str, error: Exception) -> CacheError:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return CacheError(
            f"{self.directory}: the score cache cannot be {how} ({why}); choose another `cache` DIR"
        )


def _ours(folder: Path) -> list[Path]:
    """Return the files of a scorer's folder that the cache has written, by their names."""
    named = (path for path in folder.iterdir() if _OURS_INSIDE.fullmatch(path.name))
    return sorted(path for path in named if not path.is_dir())


def _scorer_info(folder: Path) -> ScorerInfo:
    blocks = [cache_blocks.inspected(path) for path in _ours(folder) if path.suffix == ".scores"]
    description = _description(content(folder / _DESCRIPTION) or b"{}")
    return ScorerInfo(
        folder.name,
        description or {},
        prompts=sum(block.scores > 0 for block in blocks),
        scores=sum(block.scores for block in blocks),
        bytes=sum(block.bytes for block in blocks),
        damaged=sum(block.damaged for block in blocks) + (description is None),
    )


def _description(data: bytes) -> dict[str, object] | None:
    """None where the data are no JSON object."""
    try:
        read = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None
