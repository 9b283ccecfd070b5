"""The job of `promptsearch predict`, planned before anything heavy loads."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.predict_progress import stopping
from promptsearch.commands.shared.table_options import (
    ending_of,
    reading_of,
    renaming,
    table_of,
    target_of,
)
from promptsearch.data import (
    KINDS,
    Dataset,
    Row,
    TaskDefinition,
    TaskSchema,
    did_you_mean,
    load_task,
)
from promptsearch.data.tables.rows import each_row
from promptsearch.data.tasks.reader import Reader
from promptsearch.data.tasks.tags_reader import ROWS, TagsReader
from promptsearch.errors import DataError, RunError
from promptsearch.files.read import kind_of
from promptsearch.prediction.multi_label import threshold_of
from promptsearch.prediction.selection import PromptSelection, frame_in, select_prompts
from promptsearch.prediction.table.columns import Columns
from promptsearch.prediction.table.label_rows import Labeller, Rows, is_askable, line_and_example
from promptsearch.prediction.table.line_formats import Form, form_of
from promptsearch.prediction.table.multi_labeller import MultiLabeller
from promptsearch.prediction.table.output import Target
from promptsearch.prediction.table.tagger import Tagger
from promptsearch.prediction.table.text_writer import TextWriter
from promptsearch.prompt_file.prompts_json import PromptFile


@dataclass(frozen=True)
class PredictJob:
    """Job of labelling a table: prompts, rows, columns and target."""

    frame: TaskSchema
    definition: TaskDefinition | None  # of --task
    choice: PromptSelection
    table: Path
    reader: Reader
    columns: Columns
    renamed: tuple[str, ...]  # columns that --rename names
    form: Form
    target: Target | None  # None: standard output

    @property
    def labeller(self) -> type[Labeller]:
        """What labels rows of this kind of task."""
        if self.frame.kind.label_sets:
            return MultiLabeller
        if self.frame.kind.free_texts:
            return TextWriter
        return Tagger if self.frame.kind.has_sentences else Labeller

    @property
    def threshold(self) -> float:
        """The threshold of the prompt, where several labels at once are decided."""
        return threshold_of(self.choice.saved[0].row, self.definition)

    @property
    def train(self) -> Dataset | None:
        """The training examples of --task."""
        return self.definition.train.examples if self.definition else None


def planned(file: PromptFile, options: Mapping[str, Any]) -> PredictJob:
    """Return the job of a command line."""
    definition = load_task(options["task"], KINDS) if options["task"] else None
    frame = definition.schema if definition else frame_in(file, KINDS)
    if options["id"] and options["ensemble"]:
        raise click.UsageError("--id and --ensemble: choose one")
    choice = select_prompts(file, frame, options["id"], options["ensemble"])
    if options["top_answers"] and not frame.kind.has_candidates:
        raise RunError("--top-answers is for facts; of a labelled task every label has its column")
    best = options["top_answers"] or 1 if frame.kind.has_candidates else None
    has_choices, kind = frame.reader.choices is not None, frame.kind
    flags = {"tags": kind.has_sentences, "sets": kind.label_sets, "choices": has_choices}
    flags["written"] = kind.free_texts
    span = None if kind.value_range is None else kind.value_range.ends
    columns = Columns(choice.labels, best, options["prefix"], **flags, span=span)
    return PredictJob(
        frame,
        definition,
        choice,
        table_of(options),
        reading_of(choice.reader(frame.reader), options),
        columns,
        tuple(renaming(text)[0] for text in options["rename"]),
        form_of(ending_of(options), columns.names),
        target_of(options),
    )


def checked(job: PredictJob, skips: bool) -> Rows:
    """Return the job's rows. Raises DataError about the first one before a model loads."""
    rows = _rows(job.table, job.reader)
    first = next(rows, None)
    if first is None:
        raise DataError.at(job.table, None, "it has no rows to label")
    if isinstance(first, Row):
        _check_columns(first, job)
        if is_askable(first, job.reader):
            job.form.head(first)
    try:
        line_and_example(first, 0, job.reader, job.form)
    except DataError as error:
        if not skips:
            raise stopping(error) from None
    return chain([first], rows)


def _rows(table: Path, reader: Reader) -> Rows:
    """Return the rows of a table, or the sentences of CoNLL's columns as rows."""
    if isinstance(reader, TagsReader) and (reader.layout.ending or kind_of(table)) not in ROWS:
        return iter(reader.untagged_rows(table))
    return each_row(table, reader.layout)


def _check_columns(first: Row, job: PredictJob) -> None:
    """Raise DataError if the row is a header, or lacks a column that --rename names."""
    if job.reader.layout.columns and all(name == cell for name, cell in first.cells.items()):
        raise first.error("this row holds the names of the columns; add --header")
    for column in job.renamed:
        if column not in first.cells and "." not in column:
            raise first.error(
                f"there is no column {column!r}{did_you_mean(column, list(first.cells))}; correct "
                "--rename"
            )
