"""Tasks of pCLUE's rows: a task file and a table for each type, or each template of a type.

The prompts come filled, their templates were never published: a task's template is `{input}[Z]`
unless the user knows the templates, and the fields of their rows become columns.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from promptsearch.data.tasks.choices_column import CHOICES as CHOICES_KEY
from promptsearch.data.tasks.toml_keys import toml_string
from promptsearch.formats.pclue.filled_template import FilledTemplate
from promptsearch.formats.pclue.rows import CHOICES, REFERENCE, read_rows
from promptsearch.formats.pclue.task_parts import TaskPart, task_parts
from promptsearch.prompt import Template


def read_tasks(paths: Sequence[Path], templates: Sequence[Template]) -> list[TaskPart]:
    """Return the tasks that the rows of the files make, which are all their train split.

    Raises DataError at a row that is not in the format, or a template of no filled prompt.
    """
    patterns = [FilledTemplate.of(template) for template in templates]
    return task_parts(read_rows(paths), patterns)


def table_lines(part: TaskPart) -> Iterator[str]:
    """Yield the lines of a task's table."""
    for cells in part.cells():
        yield json.dumps(cells, ensure_ascii=False) + "\n"


def task_text(part: TaskPart) -> str:
    """Return the task file, which lies beside its table."""
    separator = part.option_separator
    inputs = [name for name in part.template.fields if separator is None or name != "options"]
    kind = "classification" if part.has_choices else "generation"
    lines = [
        f"# Rows of pCLUE of the type {part.type}, made by `promptsearch import --from pclue`.",
        f"name = {toml_string(f'pclue-{part.name}')}",
        f"kind = {toml_string(kind)}",
        'language = "zh"',
        f"train = {toml_string(f'{part.name}.jsonl')}",
        '# dev = "dev.jsonl"                 # decides; without it a part of train is held out',
        '# test = "test.jsonl"               # only `promptsearch evaluate` reads it',
        f"inputs = [{', '.join(map(toml_string, inputs))}]",
        f"template = {toml_string(part.template.notation)}",
        *_answers(part),
    ]
    if separator is not None:
        lines.append(f"option_separator = {toml_string(separator)}")
    return "".join(f"{line}\n" for line in lines)


def _answers(part: TaskPart) -> list[str]:
    """Return the keys of the right answers."""
    if not part.has_choices:
        return [f"target = {toml_string(REFERENCE)}"]
    return [f"label = {toml_string(REFERENCE)}", f"{CHOICES_KEY} = {toml_string(CHOICES)}"]
