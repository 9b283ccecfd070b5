"""The steps of mining: read templates mined before, or scan the corpus, parse, select and write."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, Protocol

from promptsearch.engine.strategy import Task
from promptsearch.errors import TaskError
from promptsearch.files.packages import install_command
from promptsearch.parallel import WorkerPool
from promptsearch.searchers.mine.corpus_pass import (
    Log,
    MiningRequest,
    PassResult,
    digest,
    file_identity,
    jobs,
    run_pass,
)
from promptsearch.searchers.mine.dependency import Sentence, count_phrases, is_installed
from promptsearch.searchers.mine.frequent_snippets import (
    FrequentSnippets,
    frequent_by_task,
    no_snippets_reason,
)
from promptsearch.searchers.mine.mined_templates import (
    SHARDS,
    MinedTemplate,
    TemplateBuilder,
    read_mined,
    write_mined,
)
from promptsearch.searchers.mine.request import mining_request, template_builder, unsplittable
from promptsearch.searchers.mine.snippet_extractor import PassCounts, SnippetLimits

RARE = 2  # occurrences of a template if none is frequent: once would be chance


class Miner(Protocol):
    """The strategy: its limits for a pass, and the templates that it makes of frequent snippets."""

    @property
    def min_count(self) -> int: ...
    @property
    def min_labels(self) -> int: ...
    @property
    def relax(self) -> bool: ...
    @property
    def dependency(self) -> Literal["auto", "on", "off"]: ...
    @property
    def dependency_tokens(self) -> int: ...
    @property
    def max_parsed(self) -> int: ...

    def limits(self, parses: bool) -> SnippetLimits:
        """Return the limits of one pass, with sentences to parse or without."""
        ...

    def templates(
        self, snippets: FrequentSnippets, builder: TemplateBuilder
    ) -> list[MinedTemplate]:
        """Return each template once, by its first and most frequent source."""
        ...


def mine_templates(miner: Miner, tasks: Sequence[Task]) -> list[list[MinedTemplate]]:
    """Return the templates of each task, from one pass over the text of those not mined before."""
    requests = {number: mining_request(task) for number, task in enumerate(tasks)}
    reasons = {number: _why_unparsed(miner, task) for number, task in enumerate(tasks)}
    parsed = {number for number, reason in reasons.items() if reason is None}
    fingerprints = {
        number: _fingerprint(miner, request, number in parsed)
        for number, request in requests.items()
    }
    mined = _mined_before(tasks, fingerprints)
    to_mine = {number: request for number, request in requests.items() if number not in mined}
    for number in to_mine:
        if reason := reasons[number]:
            tasks[number].log(f"{tasks[number].name}: {reason}")
    snippets_of, counts = (
        _frequent_snippets(miner, tasks, to_mine, parsed) if to_mine else ({}, PassCounts())
    )
    for number, snippets in snippets_of.items():
        mined[number] = miner.templates(snippets, template_builder(tasks[number]))
        _report(tasks[number], snippets, mined[number])
        if workspace := tasks[number].workspace:
            write_mined(workspace, mined[number], fingerprints[number])
    if missing := [number for number in to_mine if number not in snippets_of]:
        raise _no_hit(tasks[missing[0]], requests[missing[0]], counts.sentences[missing[0]])
    return [mined[number] for number in range(len(tasks))]


def _why_unparsed(miner: Miner, task: Task) -> str | None:
    """Return why this task's sentences are not parsed ("": by choice); None if they are."""
    if miner.dependency == "off" or not task.kind.has_subject:
        return ""
    if task.language.lower().split("-")[0] != "en":
        return "dependency templates are for English only; left out"
    if is_installed():
        return None
    hint = install_command("mine")
    if miner.dependency == "on":
        raise TaskError(f"{task.name}: dependency templates need a parser; {hint}")
    return f"no dependency templates, for want of a parser; {hint}"


def _fingerprint(miner: Miner, request: MiningRequest, parses: bool) -> str:
    """Return a digest of all that the result depends on."""
    return digest(miner, request, [file_identity(path) for path in request.files], parses)


def _mined_before(
    tasks: Sequence[Task], fingerprints: Mapping[int, str]
) -> dict[int, list[MinedTemplate]]:
    mined = {}
    for number, task in enumerate(tasks):
        if (before := read_mined(task.workspace, fingerprints[number])) is not None:
            mined[number] = before
    return mined


def _frequent_snippets(
    miner: Miner, tasks: Sequence[Task], to_mine: Mapping[int, MiningRequest], parsed: set[int]
) -> tuple[dict[int, FrequentSnippets], PassCounts]:
    """Return the snippets of each task that has a hit, from one pass, and the pass's counts."""
    first = tasks[0]
    for line in dict.fromkeys(line for number in to_mine for line in unsplittable(tasks[number])):
        first.log(line)
    with _folder(first) as folder, first.workers.open(first.log) as pool:
        shard_jobs = list(jobs(to_mine, miner.limits(parses=bool(parsed))))
        result = run_pass(shard_jobs, folder, pool, first.log)
        snippets = frequent_by_task(result.counted(), to_mine, miner.min_count, miner.min_labels)
        hit = [number for number in to_mine if result.counts.hits[number]]
        for number in hit:
            sentences, hits = result.counts.sentences[number], result.counts.hits[number]
            tasks[number].log(f"{tasks[number].name}: {hits:,} hits in {sentences:,} sentences")
        samples = {n: result.samples[n] for n in hit if n in parsed}
        _parse(miner, pool, samples, snippets, first.log)
        with_hits = {number: snippets[number] for number in hit}
        if miner.relax:
            with_hits |= _relaxed(miner, tasks, with_hits, result)
    return with_hits, result.counts


def _relaxed(
    miner: Miner,
    tasks: Sequence[Task],
    snippets_of: Mapping[int, FrequentSnippets],
    result: PassResult,
) -> dict[int, FrequentSnippets]:
    """Return the snippets that occur at least RARE times, for the tasks without a template."""
    bare = [
        n
        for n, snippets in snippets_of.items()
        if not miner.templates(snippets, template_builder(tasks[n]))
    ]
    again = frequent_by_task(result.counted(), bare, RARE, miner.min_labels) if bare else {}
    for number, snippets in again.items():
        snippets.phrases = snippets_of[number].phrases
        name = tasks[number].name
        tasks[number].log(
            f"{name}: {no_snippets_reason(snippets_of[number])}; "
            f"keeping what occurs at least {RARE} times "
            "(`relax=False` keeps to the paper; more text: `corpus`)"
        )
    return again


def _parse(
    miner: Miner,
    pool: WorkerPool,
    samples: Mapping[int, Sequence[Sentence]],
    snippets: Mapping[int, FrequentSnippets],
    log: Log,
) -> None:
    """Add the phrases of the dependency trees to the snippets, each task on one worker."""
    if not (total := sum(map(len, samples.values()))):
        return
    log(f"parsing {total:,} sentences (at most {miner.max_parsed:,} a task)")
    numbers = list(samples)
    count = partial(count_phrases, max_tokens=miner.dependency_tokens)
    for index, phrases in pool.each(count, [samples[number] for number in numbers]):
        snippets[numbers[index]].phrases = phrases


@contextmanager
def _folder(task: Task) -> Iterator[Path]:
    """Yield the folder of checkpoints: in the run's directory, or a temporary one."""
    if task.workspace is not None:
        yield task.workspace / SHARDS
        return
    with TemporaryDirectory(prefix="promptsearch-") as folder:
        yield Path(folder)


def _report(task: Task, snippets: FrequentSnippets, mined: Sequence[MinedTemplate]) -> None:
    if not mined:
        task.log(f"{task.name}: {no_snippets_reason(snippets)}; give more text with `corpus`")
        return
    kinds = [template.kind for template in mined]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    task.log(f"{task.name}: templates mined: {counts}")


def _no_hit(task: Task, request: MiningRequest, sentences: int) -> TaskError:
    files = ", ".join(map(str, request.files[:3])) + (", ..." if len(request.files) > 3 else "")
    sought = (
        "both the subject and the object of a training fact"
        if task.kind.has_subject
        else "an answer of the task"
    )
    return TaskError(
        f"{task.name}: none of the {sentences:,} sentences in "
        f"{files or 'the training texts'} holds {sought}; check that the text is about them and "
        "spells them the same way, or give more text with `corpus`"
    )
