"""The import of rows: task files and their tables, and what is printed of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import rich_click as click

from promptsearch.commands.shared.console import print_json
from promptsearch.commands.shared.option_names import in_command
from promptsearch.commands.shared.output_checks import check_output
from promptsearch.commands.shared.terminal_text import echo
from promptsearch.errors import RunError
from promptsearch.evaluation.report.number_format import count as counted
from promptsearch.files.write import write_atomic, write_lines
from promptsearch.formats.pclue.importer import read_tasks, table_lines, task_text
from promptsearch.formats.pclue.task_parts import TaskPart
from promptsearch.prompt import Template

OF_PROMPTS = ("task", "labels", "inputs", "candidates", "relation", "top", "model")


def import_tasks(
    files: Sequence[Path], options: Mapping[str, Any], templates: Sequence[Template]
) -> None:
    """Write a task file and a table for each part of the rows into a folder.

    Raises RunError if something is in the way, and DataError at a bad row: then nothing is written.
    """
    if name := next((each for each in OF_PROMPTS if options[each]), None):
        raise click.UsageError(
            f"--{name}: is for formats of prompts, and {options['name']} holds rows; leave it out"
        )
    folder = options["output"]
    if folder.suffix == ".json":
        raise RunError(f"{folder}: rows become several files; choose a folder with -o")
    parts = read_tasks(files, templates)
    for part in parts:
        for path in _paths(folder, part):
            check_output(path, options, inputs=files)
    for part in parts:
        task, table = _paths(folder, part)
        write_lines(table, table_lines(part))
        write_atomic(task, task_text(part))
    _print(parts, files, folder, len(templates), as_json=options["as_json"])


def _paths(folder: Path, part: TaskPart) -> tuple[Path, Path]:
    return folder / f"{part.name}.toml", folder / f"{part.name}.jsonl"


def _print(
    parts: Sequence[TaskPart], files: Sequence[Path], folder: Path, templates: int, *, as_json: bool
) -> None:
    if as_json:
        print_json({"imported": [_json_row(part, folder) for part in parts]})
        return
    rows = sum(len(part.rows) for part in parts)
    echo(f"imported {counted(rows, 'row')} from {counted(len(files), 'file')}")
    for line in _matches(parts, templates):
        echo(line)
    for part in parts:
        for note in part.notes:
            echo(in_command(note))
    for part in parts:
        echo(f"wrote {_paths(folder, part)[0]}: {counted(len(part.rows), 'row')}")
    task = quote(str(_paths(folder, parts[0])[0]))
    echo(
        f"next: promptsearch evaluate manual --task {task} --split dev --model DIR "
        "--seq2seq-form plain"
    )


def _matches(parts: Sequence[TaskPart], templates: int) -> list[str]:
    """Return, for each type, how many rows each template fits, and how many none does."""
    if not templates:
        return []
    counts: dict[str, Counter[int]] = {}
    for part in parts:
        counts.setdefault(part.type, Counter())[part.number or 0] += len(part.rows)
    numbers = range(1, templates + 1)
    return [
        f"{name}: {', '.join(f'template {n} fits {fits[n]}' for n in numbers)}, none fits {fits[0]}"
        for name, fits in counts.items()
    ]


def _json_row(part: TaskPart, folder: Path) -> dict[str, object]:
    return {
        "file": str(_paths(folder, part)[0]),
        "type": part.type,
        "template": part.template.notation,
        "template_number": part.number,
        "rows": len(part.rows),
        "targets_outside_choices": sum(not row.is_answerable for row in part.rows),
        "rows_with_repeated_choices": sum(
            len(row.distinct_choices) < len(row.choices) for row in part.rows
        ),
        "notes": list(map(in_command, part.notes)),
    }
