"""One pass over all files for all tasks: shards over processes, each with a checkpoint."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

from promptsearch.corpora.evidence import Annotated
from promptsearch.corpora.sentences import Chunk, CorpusFormat, Shard, chunks, joined, shards_of
from promptsearch.errors import RunError
from promptsearch.parallel import WorkerPool
from promptsearch.searchers.mine.checkpoint import (
    Checkpoint,
    checkpoint_path,
    is_whole,
    read_checkpoint,
    write_checkpoint,
)
from promptsearch.searchers.mine.count_table import Counted, CountTable, merge_runs
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
    corpus_format: CorpusFormat
    limits: SnippetLimits
    key: str  # names its checkpoint: a digest of the file's path, size and time, and the terms

    def chunks(self) -> Iterator[Chunk]:
        if isinstance(self.source, Shard):
            return chunks(self.source, self.corpus_format)
        texts: Iterable[Annotated] = ((text, ()) for text in self.source)
        return joined(texts)


@dataclass(frozen=True)
class PassResult:
    """The results of a pass: counts, snippets, and sentences to parse."""

    counts: PassCounts
    runs: tuple[Path, ...]
    samples: Mapping[int, Sequence[Sentence]]
    folder: Path

    def counted(self) -> Iterator[Counted]:
        """Yield every snippet of every task, in the order of tasks."""
        return merge_runs(self.runs, self.folder)


@dataclass(frozen=True)
class MiningRequest:
    """One task's part in the pass: its files, and the terms to look for."""

    terms: SearchTerms
    files: tuple[Path, ...]
    texts: tuple[str, ...]  # its training texts, where they are mined too
    spaced: bool
    corpus_format: CorpusFormat = CorpusFormat()

    def __repr__(self) -> str:
        """Return the text that checkpoints' keys digest: its words are the first version's."""
        return (
            f"Wish(wanted={self.terms!r}, files={self.files!r}, texts={self.texts!r}, "
            f"spaced={self.spaced!r}, reading={self.corpus_format!r})"
        )


def jobs(requests: Mapping[int, MiningRequest], limits: SnippetLimits) -> Iterator[ShardJob]:
    """Yield every file once, for all the tasks that read it in the group way."""
    tasks_by_file: dict[tuple[Path, bool, CorpusFormat], list[int]] = {}
    for task, request in requests.items():
        for path in request.files:
            tasks_by_file.setdefault((path, request.spaced, request.corpus_format), []).append(task)
    terms_by_group: dict[tuple[bool, tuple[int, ...]], Terms] = {}
    for (path, spaced, corpus_format), tasks in tasks_by_file.items():
        if (group := (spaced, tuple(tasks))) not in terms_by_group:
            terms_by_group[group] = terms_of(
                [(task, requests[task].terms) for task in tasks], spaced
            )
        terms = terms_by_group[group]
        # A worker elsewhere starts in another directory.
        for shard in shards_of(path.absolute(), encoding=corpus_format.encoding):
            yield _job(shard, terms, corpus_format, limits)
    for task, request in requests.items():
        if request.texts:
            yield _job(
                request.texts,
                terms_of([(task, request.terms)], request.spaced),
                CorpusFormat(),
                limits,
            )


def terms_of(terms_by_task: Iterable[tuple[int, SearchTerms]], spaced: bool) -> Terms:
    listed = tuple(terms_by_task)
    return Terms(listed, spaced, digest(listed, spaced))


def _job(
    source: Shard | tuple[str, ...],
    terms: Terms,
    corpus_format: CorpusFormat,
    limits: SnippetLimits,
) -> ShardJob:
    key = digest(_identity(source), terms.key, corpus_format, limits)
    return ShardJob(source, terms, corpus_format, limits, key)


def _identity(source: Shard | tuple[str, ...]) -> object:
    if isinstance(source, tuple):
        return source
    return (*file_identity(source.path), source.start, source.stop)


def file_identity(path: Path) -> tuple[str, int, int]:
    """Return path, size and time of a file: they differ if it has changed."""
    status = path.stat()
    return str(path.resolve()), status.st_size, status.st_mtime_ns


def digest(*values: object) -> str:
    return sha256(repr(values).encode(errors="surrogatepass")).hexdigest()[:20]


def run_pass(
    jobs_to_do: Sequence[ShardJob], folder: Path, pool: WorkerPool, log: Log
) -> PassResult:
    """Do all the jobs; for those with a checkpoint in `folder` read it.

    Raises RunError if the pool's processes cannot start, or do not see this folder.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    # Listed, not looked up: a network file system caches for a while that a file is missing.
    present = {path.name for path in folder.iterdir()}
    whole = {
        job.key
        for job in jobs_to_do
        if (path := checkpoint_path(folder, job.key)).name in present and is_whole(path)
    }
    todo = [job for job in jobs_to_do if job.key not in whole]
    if damaged := sum(checkpoint_path(folder, job.key).name in present for job in todo):
        log(f"{damaged} of {len(jobs_to_do)} shards are not as they were mined: mined again")
    if len(todo) < len(jobs_to_do):
        log(f"{len(jobs_to_do) - len(todo)} of {len(jobs_to_do)} shards were mined before")
    for done, _ in enumerate(pool.each(partial(mine_shard, folder=folder), todo), 1):
        if done % 20 == 0:
            log(f"{done}/{len(todo)} shards mined")
    try:
        return _read_results(jobs_to_do, folder)
    except FileNotFoundError as error:
        raise RunError(
            f"{error.filename} is missing; the workers must see the run's directory (and the "
            "corpus) under the same path as this machine"
        ) from None


def mine_shard(job: ShardJob, folder: Path) -> None:
    """Count the shard's snippets into `folder`. The checkpoint comes last: it vouches for them."""
    table = CountTable(folder / job.key)
    extractor = SnippetExtractor(term_index(job.terms), job.limits, table)
    for chunk in job.chunks():
        extractor.take(chunk)
    table.flush()
    checkpoint = Checkpoint(
        extractor.counts.sentences,
        extractor.counts.hits,
        {task: smallest(sample, job.limits.parsed) for task, sample in extractor.samples.items()},
        tuple(table.runs),
    )
    write_checkpoint(checkpoint_path(folder, job.key), checkpoint)


def _read_results(jobs_to_do: Sequence[ShardJob], folder: Path) -> PassResult:
    counts, runs = PassCounts(), list[Path]()
    samples: dict[int, dict[str, Sentence]] = {}
    for job in jobs_to_do:
        checkpoint = read_checkpoint(checkpoint_path(folder, job.key))
        counts.sentences.update(checkpoint.sentences)
        counts.hits.update(checkpoint.hits)
        runs += checkpoint.runs
        for task, sample in checkpoint.samples.items():
            both = samples.get(task, {}) | dict(sample)
            samples[task] = smallest(both, job.limits.parsed)
    listed = {task: list(sample.values()) for task, sample in samples.items()}
    return PassResult(counts, tuple(runs), listed, folder)
