"""One pass over all files for all tasks: shards over processes, each kept once it is done."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from promptsearch.corpora.evidence import Annotated
from promptsearch.corpora.sentences import Chunk, CorpusFormat, Shard, chunks, joined, shards_of
from promptsearch.errors import RunError
from promptsearch.files.writing import write_lines
from promptsearch.parallel import WorkerPool
from promptsearch.searchers.mine.count_table import Counted, CountTable, merged
from promptsearch.searchers.mine.dependency import Sentence
from promptsearch.searchers.mine.search_terms import SearchTerms, Terms, term_index
from promptsearch.searchers.mine.snippet_extractor import (
    PassCounts,
    SnippetExtractor,
    SnippetLimits,
    smallest,
)

Log = Callable[[str], None]


@dataclass(frozen=True)
class ShardJob:
    """A shard (or texts already in memory), and the tasks that mine it."""

    source: Shard | tuple[str, ...]
    terms: Terms
    reading: CorpusFormat
    limits: SnippetLimits
    key: str  # names its checkpoint: the file's path, size and time, and all that is looked for

    def chunks(self) -> Iterator[Chunk]:
        if isinstance(self.source, Shard):
            return chunks(self.source, self.reading)
        texts: Iterable[Annotated] = ((text, ()) for text in self.source)
        return joined(texts)


@dataclass(frozen=True)
class PassResult:
    """All that a pass found."""

    tally: PassCounts
    runs: tuple[Path, ...]
    samples: Mapping[int, Sequence[Sentence]]
    folder: Path

    def counted(self) -> Iterator[Counted]:
        """Every snippet of every task, in the order of tasks."""
        return merged(self.runs, self.folder)


@dataclass(frozen=True)
class MiningRequest:
    """One task's part in the pass: where to look, and for what."""

    terms: SearchTerms
    files: tuple[Path, ...]
    texts: tuple[str, ...]  # its training texts, where they are mined too
    spaced: bool
    reading: CorpusFormat = CorpusFormat()

    def __repr__(self) -> str:
        """Return the text that checkpoints' keys digest: its words are the first version's."""
        return (
            f"Wish(wanted={self.terms!r}, files={self.files!r}, texts={self.texts!r}, "
            f"spaced={self.spaced!r}, reading={self.reading!r})"
        )


def jobs(wishes: Mapping[int, MiningRequest], limits: SnippetLimits) -> Iterator[ShardJob]:
    """Every file once, for all the tasks that read it in the same way."""
    readers: dict[tuple[Path, bool, CorpusFormat], list[int]] = {}
    for task, wish in wishes.items():
        for path in wish.files:
            readers.setdefault((path, wish.spaced, wish.reading), []).append(task)
    known: dict[tuple[bool, tuple[int, ...]], Terms] = {}
    for (path, spaced, reading), tasks in readers.items():
        if (same := (spaced, tuple(tasks))) not in known:
            known[same] = terms_of([(task, wishes[task].terms) for task in tasks], spaced)
        terms = known[same]
        # A worker elsewhere starts in another directory.
        for shard in shards_of(path.absolute(), encoding=reading.encoding):
            yield _job(shard, terms, reading, limits)
    for task, wish in wishes.items():
        if wish.texts:
            yield _job(
                wish.texts, terms_of([(task, wish.terms)], wish.spaced), CorpusFormat(), limits
            )


def terms_of(requests: Iterable[tuple[int, SearchTerms]], spaced: bool) -> Terms:
    listed = tuple(requests)
    return Terms(listed, spaced, digest(listed, spaced))


def _job(
    source: Shard | tuple[str, ...], terms: Terms, reading: CorpusFormat, limits: SnippetLimits
) -> ShardJob:
    key = digest(_identity(source), terms.key, reading, limits)
    return ShardJob(source, terms, reading, limits, key)


def _identity(source: Shard | tuple[str, ...]) -> object:
    if isinstance(source, tuple):
        return source
    return (*file_identity(source.path), source.start, source.stop)


def file_identity(path: Path) -> tuple[str, int, int]:
    """What tells that a file has not changed since."""
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns


def digest(*values: object) -> str:
    return sha256(repr(values).encode(errors="surrogatepass")).hexdigest()[:20]


def run_pass(work: Sequence[ShardJob], folder: Path, pool: WorkerPool, log: Log) -> PassResult:
    """Do all the jobs, those whose checkpoint lies in `folder` only by reading it.

    `RunError` where the pool's processes cannot be had, or write to a folder of their own.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    # Listed, not looked up: a network file system remembers for a while what it did not find.
    present = {path.name for path in folder.iterdir()}
    todo = [job for job in work if _checkpoint(job, folder).name not in present]
    if len(todo) < len(work):
        log(f"{len(work) - len(todo)} of {len(work)} shards were mined before")
    for done, _ in enumerate(pool.each(partial(mine_shard, folder=folder), todo), 1):
        if done % 20 == 0:
            log(f"{done}/{len(todo)} shards mined")
    try:
        return _gathered(work, folder)
    except FileNotFoundError as error:
        raise RunError(
            f"{error.filename} is missing; the workers must see the run's directory (and the "
            "corpus) under the same path as this machine"
        ) from None


def mine_shard(job: ShardJob, folder: Path) -> None:
    """Count the shard's snippets into `folder`. The checkpoint comes last: it says all is there."""
    table = CountTable(folder / job.key)
    quarry = SnippetExtractor(term_index(job.terms), job.limits, table)
    for chunk in job.chunks():
        quarry.take(chunk)
    table.flush()
    samples = {task: smallest(sample, job.limits.parsed) for task, sample in quarry.samples.items()}
    record = {
        "sentences": quarry.tally.sentences,
        "hits": quarry.tally.hits,
        "runs": [run.name for run in table.runs],
        "samples": samples,
    }
    write_lines(_checkpoint(job, folder), [json.dumps(record, ensure_ascii=False) + "\n"])


def _checkpoint(job: ShardJob, folder: Path) -> Path:
    return folder / f"{job.key}.json"


def _gathered(work: Sequence[ShardJob], folder: Path) -> PassResult:
    tally, runs = PassCounts(), list[Path]()
    samples: dict[int, dict[str, Sentence]] = {}
    for job in work:
        record = json.loads(_checkpoint(job, folder).read_text(encoding="utf-8"))
        for total, counts in ((tally.sentences, record["sentences"]), (tally.hits, record["hits"])):
            total.update({int(task): count for task, count in counts.items()})
        runs += [folder / name for name in record["runs"]]
        for task, sample in record["samples"].items():
            both = samples.get(int(task), {}) | {d: _tupled(*s) for d, s in sample.items()}
            samples[int(task)] = smallest(both, job.limits.parsed)
    listed = {task: list(sample.values()) for task, sample in samples.items()}
    return PassResult(tally, tuple(runs), listed, folder)


def _tupled(text: str, subject: Sequence[int], object_: Sequence[int]) -> Sentence:
    return text, (subject[0], subject[1]), (object_[0], object_[1])
