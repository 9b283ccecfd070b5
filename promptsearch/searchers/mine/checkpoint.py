"""The checkpoint of a shard: its counts, the files that hold the rest, and checksums of all.

`<key>.json` is one line with a checksum, written last; the runs that it names are beside it. What
is not as it was written is mined again. Checkpoints from before there were checksums have none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import cast

from promptsearch.engine.ledger import line_of, row_of
from promptsearch.files.write import write_lines
from promptsearch.searchers.mine.dependency import Sentence

Samples = Mapping[int, Mapping[str, Sentence]]


@dataclass(frozen=True)
class Checkpoint:
    """What is known of a shard, by task: counts, and sentences to parse by their digests."""

    sentences: Mapping[int, int]
    hits: Mapping[int, int]
    samples: Samples
    runs: tuple[Path, ...]  # of snippets


def checkpoint_path(folder: Path, key: str) -> Path:
    return folder / f"{key}.json"


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write it, when its runs are on the disk. Raises RunError if the disk is full."""
    row = {
        "sentences": checkpoint.sentences,
        "hits": checkpoint.hits,
        "runs": [run.name for run in checkpoint.runs],
        "hashes": [_hash(run) for run in checkpoint.runs],
        "samples": checkpoint.samples,
    }
    write_lines(path, [line_of(row).decode()])


def is_whole(path: Path) -> bool:
    """Return True if the checkpoint and its runs are as they were written."""
    try:
        row = _row(path)
        runs = _checkpoint(row, path.parent).runs
        hashes = row.get("hashes")
        return hashes is None or hashes == [_hash(run) for run in runs]
    except (OSError, ValueError):
        return False


def read_checkpoint(path: Path) -> Checkpoint:
    """Return a checkpoint. Raises FileNotFoundError or ValueError if there is none."""
    return _checkpoint(_row(path), path.parent)


def _row(path: Path) -> Mapping[str, object]:
    try:
        return row_of(path.read_bytes())
    except RecursionError:
        raise ValueError("nested too deep") from None


def _checkpoint(row: Mapping[str, object], folder: Path) -> Checkpoint:
    """Return the checkpoint of a row. Raises ValueError if it has not all, or not of its kind."""
    match row:
        case {"sentences": dict(), "hits": dict(), "samples": dict(samples), "runs": list(runs)}:
            if any(not isinstance(name, str) or Path(name).name != name for name in runs):
                raise ValueError("its runs are no files beside it")
            return Checkpoint(
                _counts(row["sentences"]),
                _counts(row["hits"]),
                {int(task): _sample(sample) for task, sample in samples.items()},
                tuple(folder / name for name in runs),
            )
    raise ValueError("it lacks a part")


def _counts(by_task: object) -> dict[int, int]:
    counts = cast(Mapping[str, object], by_task)
    return {int(task): _whole_number(count) for task, count in counts.items()}


def _whole_number(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError(f"{value!r} is no count")
    return value


def _sample(by_digest: object) -> dict[str, Sentence]:
    if not isinstance(by_digest, dict):
        raise ValueError(f"{by_digest!r} are no sentences")
    return {digest: _sentence(parts) for digest, parts in by_digest.items()}


def _sentence(parts: Sequence[object]) -> Sentence:
    match parts:
        case [str(text), [int(), int()] as subject, [int(), int()] as object_]:
            return text, (subject[0], subject[1]), (object_[0], object_[1])
    raise ValueError(f"{parts!r} is no sentence")


def _hash(path: Path) -> str:
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
