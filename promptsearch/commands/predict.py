"""`promptsearch predict`: labels for new rows, as many as there are."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.console import Console
from promptsearch.commands.evaluate import arranged_as, found_with
from promptsearch.commands.options import (
    crew_options,
    loading_options,
    quiet_option,
    saved_model_option,
)
from promptsearch.commands.passing import Watch, stopping
from promptsearch.commands.running import INTERRUPTED, resuming_command
from promptsearch.commands.tabular import (
    ending_of,
    reading_of,
    table_of,
    table_options,
    target_of,
)
from promptsearch.corpora import Row, TaskFrame, load_task
from promptsearch.corpora.frame import Reader
from promptsearch.corpora.tables import each_row
from promptsearch.data import Dataset
from promptsearch.errors import DataError, RunError
from promptsearch.exports.native import PromptFile, read_prompts
from promptsearch.prediction.columns import Columns
from promptsearch.prediction.ensemble import EnsemblePredictor
from promptsearch.prediction.forms import Form, form_of
from promptsearch.prediction.output import Stream, Target, finished, locked, part_of
from promptsearch.prediction.parquet import write_parquet
from promptsearch.prediction.rows import Labeller, Rows, Sink, asked_of, label_rows
from promptsearch.saved.choice import Choice, chosen, frame_in, identity_of, without_priors


@click.command("predict")
@click.argument("prompts", type=click.Path(path_type=Path))
@table_options
@click.option("--id", metavar="ID", help="Label with this prompt, p17 say.")
@click.option(
    "--ensemble/--no-ensemble",
    default=None,
    help="Label with the file's ensemble, or its best prompt.  [default: what is better on dev]",
)
@click.option(
    "--top-answers",
    type=click.IntRange(min=1),
    metavar="N",
    help="For facts: the N likeliest answers of each row.  [default: 1]",
)
@saved_model_option
@click.option(
    "--task", "-t", metavar="TASK", help="[default: what PROMPTS say of theirs; no file is read]"
)
@loading_options
@crew_options
@click.option(
    "--cache",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep scores here too. Not for millions of rows: each chunk reads all of a prompt's.",
)
@quiet_option
def command(prompts: Path, **given: Any) -> None:
    """Label the rows of a table with the prompts of PROMPTS.

    Rows keep their columns and get their label, its probability, and that of each label. They are
    read and written a chunk at a time: a table may have any size, and what was killed goes on with
    --resume.
    """
    console, file = Console(given["quiet"]), read_prompts(prompts)
    job = _planned(file, given)
    try:
        with nullcontext() if job.target is None else locked(job.target):
            _run(job, file, given, console)
    except KeyboardInterrupt:
        if job.target is None or not job.target.is_begun:
            raise
        console.say(f"interrupted; go on with: {resuming_command()}")
        raise SystemExit(INTERRUPTED) from None
    except DataError:
        if job.target is not None and job.target.is_begun:
            console.say(f"what is labelled is kept; go on with: {resuming_command()}")
        raise


@dataclass(frozen=True)
class Job:
    """What is to be labelled, by what, and where it goes; nothing heavy is loaded yet."""

    frame: TaskFrame
    train: Dataset | None
    choice: Choice
    table: Path
    reader: Reader
    columns: Columns
    form: Form
    target: Target | None  # None: standard output


def _planned(file: PromptFile, given: Mapping[str, Any]) -> Job:
    definition = load_task(given["task"]) if given["task"] else None
    frame = definition.frame if definition else frame_in(file)
    if given["id"] and given["ensemble"]:
        raise click.UsageError("--id and --ensemble: choose one")
    choice = chosen(file, frame, given["id"], given["ensemble"])
    if given["top_answers"] and frame.kind != "facts":
        raise RunError("--top-answers is for facts; of a labelled task every label has its column")
    best = given["top_answers"] or 1 if frame.kind == "facts" else None
    columns = Columns(choice.labels, best, given["prefix"])
    return Job(
        frame,
        definition.train.examples if definition else None,
        choice,
        table_of(given),
        reading_of(choice.reader(frame.reader), given),
        columns,
        form_of(ending_of(given), columns.names),
        target_of(given),
    )


def _run(job: Job, file: PromptFile, given: Mapping[str, Any], console: Console) -> None:
    if job.target is not None:
        job.target.check(resume=given["resume"], overwrite=given["overwrite"])
        if given["resume"] and job.target.is_whole:  # killed between its last two steps
            job.target.clear()
            console.say(f"{job.target.file} is whole")
            return
    watch = Watch(console, job.table, skips=given["on_error"] == "skip")
    rows = _checked(job, watch.skips)
    console.say(f"labels with {job.choice}")
    model = found_with(file, job.frame, given, console)
    with arranged_as(file, job.frame.kind, model, given, console) as (own, arranged):
        scorer = without_priors(arranged, own, file, job.choice, job.frame, job.train)
        predictor = EnsemblePredictor(job.choice.ensemble, scorer, own)
        labeller = Labeller(job.reader, predictor, job.columns, job.form)
        identity = identity_of(file, job.choice, own, job.reader, job.columns.names)
        with _sink(job.target, identity, given["overwrite"]) as sink:
            watch.start(sink.done)
            done = label_rows(rows, labeller, sink, watch.bad_row, watch.chunk, given["chunk"])
    watch.check(done)
    if job.target is not None:
        _finish(job, job.target)
        console.say(f"wrote {job.target.file}")


def _checked(job: Job, skips: bool) -> Rows:
    """The rows; what is wrong with the first one is said before a model loads."""
    rows = each_row(job.table, job.reader.layout)
    first = next(rows, None)
    if first is None:
        raise DataError.at(job.table, None, "it has no rows to label")
    if isinstance(first, Row):
        if job.reader.layout.columns and all(name == cell for name, cell in first.cells.items()):
            raise first.error("this row holds the names of the columns; add --header")
        job.form.head(first)
    try:
        asked_of(first, 0, job.reader, job.form)
    except DataError as error:
        if not skips:
            raise stopping(error) from None
    return chain([first], rows)


@contextmanager
def _sink(target: Target | None, identity: Mapping[str, object], anew: bool) -> Iterator[Sink]:
    if target is None:
        yield Stream(sys.stdout.buffer)
        return
    if anew:
        target.clear()
    with part_of(target, identity) as part:
        yield part


def _finish(job: Job, target: Target) -> None:
    parquet = partial(write_parquet, job.table, job.reader.layout, job.columns)
    finished(target, parquet if target.file.suffix.lower() == ".parquet" else None)
