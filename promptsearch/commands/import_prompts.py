"""`promptsearch import`: prompts and answers in the formats of other tools, as a prompts.json.

Formats that hold rows become task files and tables.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.console import print_json
from promptsearch.commands.shared.import_tasks import import_tasks
from promptsearch.commands.shared.import_text import import_row, print_imported
from promptsearch.commands.shared.name_options import input_names, names_in
from promptsearch.commands.shared.options import json_option
from promptsearch.commands.shared.output_checks import check_output
from promptsearch.commands.shared.run_search import this_command
from promptsearch.data import TaskDefinition, load_task
from promptsearch.errors import DataError, PromptError, RunError
from promptsearch.formats import IMPORTS, TASK_IMPORTS
from promptsearch.formats.importing.assemble import groups_of
from promptsearch.formats.importing.contents import ImportOptions, read_files
from promptsearch.formats.importing.document import beside, document_of
from promptsearch.formats.importing.group import Group
from promptsearch.models import LanguageModel
from promptsearch.prompt import Template
from promptsearch.prompt_file.prompts_json import write_prompts
from promptsearch.prompt_file.soft_file import SOFT
from promptsearch.runs.directory import run_directory
from promptsearch.runs.run import with_vocabulary_candidates

FORMATS = {**IMPORTS, **TASK_IMPORTS}
WIDEST = max(map(len, FORMATS))
LISTED = "\n".join(f"{name.ljust(WIDEST)}  {what}" for name, what in FORMATS.items())


@click.command(
    "import",
    help="Read FILE in a format of another tool, and write a prompts.json, or task files where it "
    "holds rows.\n\nGive several FILEs where templates and verbalizers are apart, or a folder for "
    "all in it. What a prompts.json "
    f"does not hold is told. FORMAT is one of\n\n\b\n{LISTED}",
)
@click.argument(
    "files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE..."
)
@click.option(
    "--from",
    "name",
    type=click.Choice(list(FORMATS)),
    required=True,
    metavar="FORMAT",
    help="Which.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    required=True,
    metavar="PATH",
    help="A .json file, or the folder of a prompts.json; several relations have a folder each in "
    "it.",
)
@click.option("--overwrite", is_flag=True, help="Replace what is at PATH.")
@click.option(
    "--task",
    "-t",
    metavar="TASK",
    help="A task file or a built-in task's name: it names inputs and labels, and has what the "
    "files lack.",
)
@click.option(
    "--labels",
    default="",
    metavar="A,B,...",
    help="The labels in the order of the file's words; or THEIRS=OURS,... to rename them.",
)
@click.option(
    "--inputs",
    default="",
    metavar="A,B,...",
    help="The inputs in the order that the format counts them; or THEIRS=OURS,...",
)
@click.option(
    "--template",
    multiple=True,
    metavar="NOTATION",
    help="For verbalizers that come without one. Of pclue: a template of its filled prompts, whose "
    "fields become columns.",
)
@click.option(
    "--candidates",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="What facts choose from, one a line; a folder has a RELATION.txt for each relation.",
)
@click.option(
    "--relation", default="", metavar="NAME", help="Only this relation (PET: this class)."
)
@click.option(
    "--top", type=click.IntRange(min=1), metavar="K", help="Only the first K of each file."
)
@click.option(
    "--model",
    "-m",
    metavar="SPEC",
    help="The model that the prompts are for. It is recorded; vectors are bound to it, and it says "
    "whether it reads back AutoPrompt's tokens.",
)
@json_option
def command(files: Sequence[Path], **options: Any) -> None:
    """See `help` above: the formats stand in it."""
    if options["name"] in TASK_IMPORTS:
        import_tasks(files, options, tuple(map(_template, options["template"])))
        return
    import_options = _importing(options)
    imported = read_files(files, options["name"], import_options)
    groups = [group.distinct for group in groups_of(imported, options["name"], import_options)]
    apart = len(groups) > 1 or (
        files[0].is_dir() and bool(groups[0].name) and not import_options.group
    )
    targets = [_target(group, options["output"], apart) for group in groups]
    for group, path in zip(groups, targets, strict=True):
        for file in _written(group, path):
            check_output(file, options, definition=import_options.task, inputs=files)
    for group, path in zip(groups, targets, strict=True):
        with _output(path, options["overwrite"]):
            document = document_of(
                group, import_options, imported.files, path, options["name"], this_command()
            )
            write_prompts(path, document)
    if options["as_json"]:
        print_json({"imported": [import_row(*pair) for pair in zip(groups, targets, strict=True)]})
    else:
        print_imported(groups, targets, len(imported.files), options["output"])


def _written(group: Group, path: Path) -> Sequence[Path]:
    """Return the files of a group: its prompts, and beside them candidates and vectors."""
    soft = any(imported.prompt.template.soft for imported in group.prompts)
    candidates = [beside(path)] if group.kind.has_candidates else []
    return [path, *candidates, *([beside(path, SOFT)] if soft else [])]


def _importing(options: Mapping[str, Any]) -> ImportOptions:
    """Return the options as values; load the model if there is one."""
    labels, renamed = names_in(options["labels"], "--labels")
    inputs, fields = input_names(options["inputs"], "--inputs")
    templates = tuple(map(_template, options["template"]))
    task = load_task(options["task"]) if options["task"] else None
    model = _model(options["model"], task, options["name"]) if options["model"] else None
    if task is not None and model is not None:
        task = with_vocabulary_candidates(task, model)
    return ImportOptions(
        task=task,
        labels=labels,
        renamed=renamed,
        inputs=inputs,
        fields=fields,
        templates=templates,
        candidates=options["candidates"],
        group=options["relation"],
        top=options["top"],
        model=model,
    )


def _model(spec: str, task: TaskDefinition | None, name: str) -> LanguageModel:
    """Return the model; peft's vectors stand in front of all, and so in front of no chat."""
    from promptsearch.models.loading.load import load_for, load_model

    if name == "peft":
        return load_model(spec, chat="off")
    return load_for(task.chat if task else None, spec)


def _template(notation: str) -> Template:
    try:
        return Template.parse(notation)
    except PromptError as error:
        raise DataError(f"--template: {error}") from None


def _target(group: Group, output: Path, apart: bool) -> Path:
    """Return the path of a group's file; several groups have a folder each."""
    if output.suffix == ".json" and not apart:
        return output
    if not apart:
        return output / "prompts.json"
    if output.suffix == ".json" or not re.fullmatch(r"\w[\w.-]*", group.name):
        raise RunError(
            f"{output}: the relations go into folders of their names, and {group.name[:40]!r} has "
            "none here; choose a folder with -o, or one relation with --relation"
        )
    return output / group.name / "prompts.json"


def _output(path: Path, overwrite: bool) -> AbstractContextManager[object]:
    """Return the folder of a prompts.json, locked while it is written."""
    if path.name != "prompts.json":
        return nullcontext()
    return run_directory(path.parent, overwrite=overwrite, resumable=False)
