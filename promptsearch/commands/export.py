"""`promptsearch export`: prompts in the formats of other tools."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.console import Console, print_json
from promptsearch.commands.shared.option_names import in_command
from promptsearch.commands.shared.options import json_option, quiet_option, saved_model_option
from promptsearch.commands.shared.output_checks import input_files
from promptsearch.commands.shared.terminal_text import command_line, echo
from promptsearch.data import TaskDefinition, load_task
from promptsearch.errors import DataError, ExportError, TaskError
from promptsearch.files.write import check_apart
from promptsearch.formats import EXPORTS
from promptsearch.formats.export import NEXT, ExportRequest, WrittenFiles, write_as
from promptsearch.models import LanguageModel
from promptsearch.prediction.ensemble_file import ensemble_of
from promptsearch.prediction.selection import ensemble_wins, scoring_from
from promptsearch.prompt_file.load_model import model_for
from promptsearch.prompt_file.prompts_json import (
    PromptFile,
    SavedPrompt,
    aligned,
    in_order,
    read_prompts,
)

WIDEST = max(map(len, EXPORTS))
LISTED = "\n".join(f"{name.ljust(WIDEST)}  {what}" for name, what in EXPORTS.items())


@click.command(
    "export",
    help="Write the first K prompts of PROMPTS, or their ensemble, in a format of another tool.\n\n"
    f"What a format cannot hold is refused. FORMAT is one of\n\n\b\n{LISTED}",
)
@click.argument("prompts", type=click.Path(path_type=Path))
@click.option(
    "--to", "name", type=click.Choice(list(EXPORTS)), required=True, metavar="FORMAT", help="Which."
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), required=True, metavar="PATH", help="Where."
)
@click.option("--top", type=click.IntRange(min=1), default=1, show_default=True, metavar="K")
@click.option("--ensemble", is_flag=True, help="The members of the file's ensemble, as one.")
@click.option(
    "--task",
    "-t",
    metavar="TASK",
    help="A task file or a built-in task's name.  [default: the one the prompts were found for]",
)
@saved_model_option
@click.option(
    "--chat",
    type=click.Choice(["auto", "on", "off"]),
    default="auto",
    show_default=True,
    help="Render prompts with the model's chat template. auto: as they were found.",
)
@click.option("--overwrite", is_flag=True, help="Replace what is at PATH.")
@json_option
@quiet_option
def command(prompts: Path, **options: Any) -> None:
    """See `help` above: the formats stand in it."""
    console, file = Console(options["quiet"]), read_prompts(prompts)
    exported = _exported(file, options, console)
    read = [*input_files(options, file, exported.task)]
    check_apart(options["output"], *read)
    written = write_as(
        options["name"], exported, options["output"], overwrite=options["overwrite"], inputs=read
    )
    if options["as_json"]:
        print_json(_document(written))
    else:
        for line in (*(f"wrote {path}" for path in written.paths), *written.notes):
            echo(in_command(line))


def _document(written: WrittenFiles) -> dict[str, object]:
    commands = [note.removeprefix(NEXT) for note in written.notes if note.startswith(NEXT)]
    return {
        "wrote": [str(path) for path in written.paths],
        "notes": [in_command(n) for n in written.notes if not n.startswith(NEXT)],
        "next": commands,
    }


def _exported(file: PromptFile, options: dict[str, Any], console: Console) -> ExportRequest:
    task = _task(file, options["task"], console)
    every = [_ordered(file, saved, task) for saved in file.prompts]
    request_parts = scoring_from(file), _model_of(file, task, options), task
    if not options["ensemble"]:
        if ensemble_wins(file.document):
            console.say(f"{every[0].id} alone; --ensemble exports the file's ensemble")
        return ExportRequest(file, tuple(every[: options["top"]]), *request_parts)
    ensemble = ensemble_of(file, {saved.id: saved.prompt for saved in every})
    if ensemble is None:
        raise ExportError(
            f"{file.path}: has no ensemble; {command_line('ensemble', file.path)} makes one"
        )
    named = {saved.id: saved for saved in every}
    members = tuple(named[member.id] for member in ensemble.members)
    return ExportRequest(file, members, *request_parts, ensemble)


def _task(file: PromptFile, named: str | None, console: Console) -> TaskDefinition | None:
    """Return the task of the option, or the file's if it is still there."""
    if named is not None:
        return load_task(named)
    if not isinstance(saved := file.section("task").get("file"), str):
        return None
    try:
        return load_task(saved)
    except (TaskError, DataError) as error:
        console.say(f"without the task, which cannot be read ({error}); --task says where it is")
        return None


def _ordered(file: PromptFile, saved: SavedPrompt, task: TaskDefinition | None) -> SavedPrompt:
    """Return the prompt with its labels in the task's order."""
    if task is not None:
        return aligned(saved, task)
    labels = file.section("task").get("labels")
    if not isinstance(labels, list) or set(labels) != set(saved.prompt.verbalizer.labels):
        return saved
    return in_order(saved, labels)


def _model_of(
    file: PromptFile, task: TaskDefinition | None, chosen: dict[str, Any]
) -> Callable[[], LanguageModel]:
    """Return a loader of the model on the CPU in float32, the same on every machine."""

    def load() -> LanguageModel:
        chat, options = task.chat if task else None, {"device": "cpu", "dtype": "float32"}
        if (task.kind if task else file.kind).free_texts:
            options["seq2seq_form"] = "plain"
        return model_for(file, chat, chosen["model"], chat=chosen["chat"], **options)

    return load
