"""The course of mining: read what was mined before, else sweep, parse, choose and write."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from promptsearch.engine.strategy import Task
from promptsearch.errors import TaskError
from promptsearch.parallel import WorkerPool
from promptsearch.searchers.mine.corpus_pass import (
    Log,
    PassResult,
    MiningRequest,
    digest,
    file_identity,
    jobs,
    run_pass,
)
from promptsearch.searchers.mine.dependency import PARSER, Sentence, count_phrases, is_installed
from promptsearch.searchers.mine.frequent_snippets import (
    FrequentSnippets,
    finds_by_task,
    no_snippets_reason,
)
from promptsearch.searchers.mine.mined_templates import (
    SHARDS,
    MinedTemplate,
    read_mined,
    write_mined,
)
from promptsearch.searchers.mine.request import template_builder, unsplittable, wish_of
from promptsearch.searchers.mine.snippet_extractor import PassCounts

RARE = 2  # occurrences that keep a template where none is frequent: once would be chance

if TYPE_CHECKING:
    from promptsearch.searchers.mine.search import MiningSearch


def mine_templates(searcher: "MiningSearch", tasks: Sequence[Task]) -> list[list[MinedTemplate]]:
    """The templates of each task; one pass over the text of those not mined before."""
    wishes = {number: wish_of(task) for number, task in enumerate(tasks)}
    reasons = {number: _unparsed(searcher, task) for number, task in enumerate(tasks)}
    parsed = {number for number, reason in reasons.items() if reason is None}
    stamps = {number: _stamp(searcher, wish, number in parsed) for number, wish in wishes.items()}
    mined = _mined_before(tasks, stamps)
    todo = {number: wish for number, wish in wishes.items() if number not in mined}
    for number in todo:
        if reason := reasons[number]:
            tasks[number].log(f"{tasks[number].name}: {reason}")
    snippets_of, tally = (
        _frequent_snippets(searcher, tasks, todo, parsed) if todo else ({}, PassCounts())
    )
    for number, finds in snippets_of.items():
        mined[number] = searcher.templates(finds, template_builder(tasks[number]))
        _report(tasks[number], finds, mined[number])
        if workspace := tasks[number].workspace:
            write_mined(workspace, mined[number], stamps[number])
    if missing := [number for number in todo if number not in snippets_of]:
        raise _no_hit(tasks[missing[0]], wishes[missing[0]], tally.sentences[missing[0]])
    return [mined[number] for number in range(len(tasks))]


def _unparsed(searcher: "MiningSearch", task: Task) -> str | None:
    """Why this task's sentences do not go through the parser; None where they do."""
    if searcher.dependency == "off" or task.kind != "facts":
        return ""
    if task.language.lower().split("-")[0] != "en":
        return "dependency templates are for English only; left out"
    if is_installed():
        return None
    way_out = f"pip install 'promptsearch[mine]' (spaCy and {PARSER})"
    if searcher.dependency == "on":
        raise TaskError(f"{task.name}: dependency templates need a parser; {way_out}")
    return f"no dependency templates, for want of a parser; {way_out}"


def _stamp(searcher: "MiningSearch", wish: MiningRequest, parses: bool) -> str:
    """Changes with anything the result depends on."""
    return digest(searcher, wish, [file_identity(path) for path in wish.files], parses)


def _mined_before(
    tasks: Sequence[Task], stamps: Mapping[int, str]
) -> dict[int, list[MinedTemplate]]:
    mined = {}
    for number, task in enumerate(tasks):
        if (before := read_mined(task.workspace, stamps[number])) is not None:
            mined[number] = before
    return mined


def _frequent_snippets(
    searcher: "MiningSearch",
    tasks: Sequence[Task],
    todo: Mapping[int, MiningRequest],
    parsed: set[int],
) -> tuple[dict[int, FrequentSnippets], PassCounts]:
    """What one pass finds for each task that has a hit at all."""
    first = tasks[0]
    for line in dict.fromkeys(line for number in todo for line in unsplittable(tasks[number])):
        first.log(line)
    with _folder(first) as folder, first.crew.open(first.log) as pool:
        work = list(jobs(todo, searcher.limits(parses=bool(parsed))))
        swept = run_pass(work, folder, pool, first.log)
        finds = finds_by_task(swept.counted(), todo, searcher.min_count, searcher.min_labels)
        hit = [number for number in todo if swept.tally.hits[number]]
        for number in hit:
            read, hits = swept.tally.sentences[number], swept.tally.hits[number]
            tasks[number].log(f"{tasks[number].name}: {hits:,} hits in {read:,} sentences")
        samples = {n: swept.samples[n] for n in hit if n in parsed}
        _parse(searcher, pool, samples, finds, first.log)
        with_hits = {number: finds[number] for number in hit}
        if searcher.relax:
            with_hits |= _relaxed(searcher, tasks, with_hits, swept)
    return with_hits, swept.tally


def _relaxed(
    searcher: "MiningSearch",
    tasks: Sequence[Task],
    snippets_of: Mapping[int, FrequentSnippets],
    swept: PassResult,
) -> dict[int, FrequentSnippets]:
    """The finds of the tasks without a template, again, with what occurs at least RARE times."""
    bare = [
        n
        for n, finds in snippets_of.items()
        if not searcher.templates(finds, template_builder(tasks[n]))
    ]
    again = finds_by_task(swept.counted(), bare, RARE, searcher.min_labels) if bare else {}
    for number, finds in again.items():
        finds.phrases = snippets_of[number].phrases
        name = tasks[number].name
        tasks[number].log(
            f"{name}: {no_snippets_reason(snippets_of[number])}; keeping what occurs at least {RARE} times "
            "(--no-relax keeps to the paper; more text: --corpus)"
        )
    return again


def _parse(
    searcher: "MiningSearch",
    pool: WorkerPool,
    samples: Mapping[int, Sequence[Sentence]],
    finds: Mapping[int, FrequentSnippets],
    log: Log,
) -> None:
    """Add what the dependency trees give, a task to a worker."""
    if not (total := sum(map(len, samples.values()))):
        return
    log(f"parsing {total:,} sentences (at most {searcher.max_parsed:,} a task)")
    numbers = list(samples)
    count = partial(count_phrases, max_tokens=searcher.dependency_tokens)
    for index, phrases in pool.each(count, [samples[number] for number in numbers]):
        finds[numbers[index]].phrases = phrases


@contextmanager
def _folder(task: Task) -> Iterator[Path]:
    """Where checkpoints go: the run's directory, or nowhere lasting without one."""
    if task.workspace is not None:
        yield task.workspace / SHARDS
        return
    with TemporaryDirectory(prefix="promptsearch-") as folder:
        yield Path(folder)


def _report(task: Task, finds: FrequentSnippets, mined: Sequence[MinedTemplate]) -> None:
    if not mined:
        task.log(f"{task.name}: {no_snippets_reason(finds)}; give more text with --corpus")
        return
    kinds = [template.kind for template in mined]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    task.log(f"{task.name}: templates mined: {counts}")


def _no_hit(task: Task, wish: MiningRequest, sentences: int) -> TaskError:
    files = ", ".join(map(str, wish.files[:3])) + (", ..." if len(wish.files) > 3 else "")
    sought = (
        "both the subject and the object of a training fact"
        if task.kind == "facts"
        else "an answer of the task"
    )
    return TaskError(
        f"{task.name}: none of the {sentences:,} sentences in "
        f"{files or 'the training texts'} holds {sought}; check that the text is about them and "
        "spells them the same way, or give more text with --corpus"
    )
