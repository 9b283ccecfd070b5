"""Counts of more snippets than memory holds: tables spilled as sorted runs, merged in a stream."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from heapq import merge
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from promptsearch.errors import RunError
from promptsearch.files.write import write_lines
from promptsearch.searchers.mine.snippets import Snippet

SPILL = 100_000  # snippets held in memory
_OPEN = 200  # runs read at once: well below what a process may open
_EXAMPLE = 1000  # bytes of an example sentence, at most


class Counted(NamedTuple):
    """A snippet of a task, its counts by label ("" for facts), and an example sentence."""

    task: int
    snippet: Snippet
    counts: dict[str, int]
    example: (
        str  # the shortest sentence, then the first in the alphabet: whatever the order of files
    )

    @property
    def key(self) -> tuple[int, Snippet]:
        return self.task, self.snippet


class CountTable:
    """Counts snippets; every `spill` of them go to a sorted run `<stem>.<n>.jsonl`."""

    def __init__(self, stem: Path, spill: int = SPILL) -> None:
        self._stem, self._spill = stem, spill
        self._counts: dict[tuple[int, Snippet], Counter[str]] = {}
        self._examples: dict[tuple[int, Snippet], bytes] = {}
        self.runs: list[Path] = []

    def add(self, task: int, snippet: Snippet, label: str, example: bytes) -> None:
        key = task, snippet
        if key not in self._counts:
            if len(self._counts) >= self._spill:
                self.flush()
            self._counts[key], self._examples[key] = Counter(), example
        self._counts[key][label] += 1
        self._examples[key] = min(self._examples[key], example, key=_shorter)

    def flush(self) -> None:
        """Write the counts in memory, sorted, as one more run."""
        rows = (
            Counted(*key, dict(self._counts[key]), _decoded(self._examples[key]))
            for key in sorted(self._counts)
        )
        self.runs.append(self._stem.with_name(f"{self._stem.name}.{len(self.runs)}.jsonl"))
        write_lines(self.runs[-1], (json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        self._counts, self._examples = {}, {}


def merge_runs(runs: Sequence[Path], folder: Path) -> Iterator[Counted]:
    """Yield the sums of the counts of all runs, in the order of task and snippet."""
    while len(runs) > _OPEN:
        runs = [
            _merge_into(folder / f"merge.{runs[start].name}", runs[start : start + _OPEN])
            for start in range(0, len(runs), _OPEN)
        ]
    return _merge(runs)


def _merge_into(path: Path, runs: Sequence[Path]) -> Path:
    write_lines(path, (json.dumps(row, ensure_ascii=False) + "\n" for row in _merge(runs)))
    return path


def _merge(runs: Sequence[Path]) -> Iterator[Counted]:
    with ExitStack() as stack:
        streams = [_rows(run, stack.enter_context(run.open(encoding="utf-8"))) for run in runs]
        for _, rows in groupby(merge(*streams, key=_key), key=_key):
            yield _sum(rows)


def _sum(rows: Iterable[Counted]) -> Counted:
    first, *rest = rows
    counts = Counter(first.counts)
    for row in rest:
        counts.update(row.counts)
    examples = [row.example.encode() for row in (first, *rest)]
    return Counted(first.task, first.snippet, dict(counts), min(examples, key=_shorter).decode())


def _rows(path: Path, lines: Iterable[str]) -> Iterator[Counted]:
    """Yield the rows of a run. Raises RunError if a line is none: it has no hash from before."""
    try:
        for line in lines:
            yield _read(line)
    except (ValueError, RecursionError):
        raise RunError(
            f"{path}: is not as it was mined (damaged or edited); remove {path.parent} to mine anew"
        ) from None


def _read(line: str) -> Counted:
    match json.loads(line):
        case [int(task), [int(), str(), str()] as snippet, dict(counts), str(example)] if all(
            isinstance(count, int) for count in counts.values()
        ):
            return Counted(task, Snippet(*snippet), counts, example)
    raise ValueError("no counts")


def _key(row: Counted) -> tuple[int, Snippet]:
    return row.key


def _shorter(example: bytes) -> tuple[int, bytes]:
    return len(example), example


def _decoded(example: bytes) -> str:
    return example[:_EXAMPLE].decode(errors="ignore")
