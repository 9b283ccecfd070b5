"""`promptsearch predict`: labels for any number of new rows."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.console import Console
from promptsearch.commands.shared.interruption import INTERRUPTED
from promptsearch.commands.shared.options import (
    crew_options,
    loading_options,
    quiet_option,
    saved_model_option,
)
from promptsearch.commands.shared.output_checks import input_files
from promptsearch.commands.shared.predict_job import PredictJob, checked, planned
from promptsearch.commands.shared.predict_progress import PredictProgress
from promptsearch.commands.shared.run_search import resuming_command
from promptsearch.commands.shared.saved_prompts import model_of_prompts, uncalibrated_scorers
from promptsearch.commands.shared.table_options import table_options
from promptsearch.commands.shared.terminal_text import in_one_line
from promptsearch.errors import DataError
from promptsearch.files.write import check_apart
from promptsearch.prediction.multi_label import predictor_of
from promptsearch.prediction.selection import calibrated_as_saved, identity_of
from promptsearch.prediction.table.label_rows import Sink, label_rows
from promptsearch.prediction.table.output import Stream, Target, finished, locked, part_of
from promptsearch.prediction.table.parquet import write_parquet
from promptsearch.prompt_file.prompts_json import PromptFile, read_prompts


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
def command(prompts: Path, **options: Any) -> None:
    """Label the rows of a table with the prompts of PROMPTS.

    Rows keep their columns and get their label, its probability, and that of each label. They are
    read and written a chunk at a time: a table may have any size, and what was killed goes on with
    --resume.
    """
    console, file = Console(options["quiet"]), read_prompts(prompts)
    job = planned(file, options)
    try:
        with nullcontext() if job.target is None else locked(job.target):
            _run(job, file, options, console)
    except KeyboardInterrupt:
        if job.target is None or not job.target.is_started:
            raise
        console.say(f"interrupted; go on with: {resuming_command()}")
        raise SystemExit(INTERRUPTED) from None
    except DataError:
        if job.target is not None and job.target.is_started:
            console.say(f"what is labelled is kept; go on with: {resuming_command()}")
        raise


def _run(job: PredictJob, file: PromptFile, options: Mapping[str, Any], console: Console) -> None:
    if job.target is not None:
        for path in (job.target.file, job.target.part, job.target.journal):
            check_apart(path, *input_files(options, file, job.definition))
        job.target.check(resume=options["resume"], overwrite=options["overwrite"])
        if options["resume"] and job.target.is_whole:  # killed between its last two steps
            job.target.clear()
            console.say(f"{job.target.file} is whole")
            return
    watch = PredictProgress(console, job.table, skips=options["on_error"] == "skip")
    rows = checked(job, watch.skips)
    console.say(f"labels with {in_one_line(str(job.choice))}")
    model = model_of_prompts(file, job.frame, options, console)
    with uncalibrated_scorers(file, job.frame.kind, model, options, console) as (
        raw_scorer,
        arranged,
    ):
        scorer = calibrated_as_saved(arranged, raw_scorer, file, job.choice, job.frame, job.train)
        scored = job.choice.ensemble, scorer, raw_scorer
        predictor = predictor_of(*scored, job.frame.kind, job.threshold)
        labeller = job.labeller(job.reader, predictor, job.columns, job.form)
        identity = identity_of(
            file, job.choice, raw_scorer, job.frame.kind, job.reader, job.columns.names
        )
        with _sink(job.target, identity, options["overwrite"]) as sink:
            watch.start(sink.done)
            done = label_rows(rows, labeller, sink, watch.bad_row, watch.chunk, options["chunk"])
    watch.check(done)
    if job.target is not None:
        _finish(job, job.target)
        console.say(f"wrote {job.target.file}")


@contextmanager
def _sink(target: Target | None, identity: Mapping[str, object], anew: bool) -> Iterator[Sink]:
    if target is None:
        yield Stream(sys.stdout.buffer)
        return
    if anew:
        target.clear()
    with part_of(target, identity) as part:
        yield part


def _finish(job: PredictJob, target: Target) -> None:
    parquet = partial(write_parquet, job.table, job.reader.layout, job.columns)
    finished(target, parquet if target.file.suffix.lower() == ".parquet" else None)
