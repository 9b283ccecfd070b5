"""Checks that a command writes over nothing that it reads."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from promptsearch.data import TaskDefinition
from promptsearch.engine.ledger import LEDGER
from promptsearch.files.write import check_apart, check_new
from promptsearch.prediction.ensemble_file import files_beside
from promptsearch.prompt_file.prompts_json import PromptFile
from promptsearch.runs.directory import RUN_FILES

OUTPUTS = {"output", "examples_out"}  # options that name what is written


def check_output(
    path: Path,
    options: Mapping[str, Any],
    *,
    file: PromptFile | None = None,
    definition: TaskDefinition | None = None,
    inputs: Iterable[Path] = (),
) -> None:
    """Raise RunError if `path` is there and may not be replaced, or is an input of the command."""
    check_new(path, options["overwrite"], *inputs, *input_files(options, file, definition))


def check_run_directory(
    directory: Path, options: Mapping[str, Any], definition: TaskDefinition
) -> None:
    """Raise RunError if the files of a run in the directory are inputs of the command."""
    inputs = [*input_files(options, None, definition)]
    for name in RUN_FILES:
        check_apart(directory / name, *inputs)


def input_files(
    options: Mapping[str, Any], file: PromptFile | None, definition: TaskDefinition | None
) -> Iterator[Path]:
    """Yield the files that a command reads: prompts, task, data, and what its options name."""
    if file is not None:
        yield from (file.path, file.path.with_name(LEDGER))
        yield from files_beside(file)
        if isinstance(spec := file.section("model").get("spec"), str):
            yield from _files(spec)
    if definition is not None:
        yield from definition.files
    for name, value in options.items():
        if name not in OUTPUTS:
            for each in value if isinstance(value, tuple | list) else (value,):
                yield from _files(each)


def _files(value: object) -> Iterator[Path]:
    """Yield the file that a value names, or the files of a model's folder."""
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        return
    path = Path(value)
    try:
        if path.is_file():
            yield path
        elif (path / "config.json").is_file():
            yield from (each for each in path.iterdir() if each.is_file())
    except OSError:  # a text that is no file name
        return
