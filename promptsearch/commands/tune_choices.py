"""`promptsearch tune-choices`: a model that reads options, trained on many tasks."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.console import Console
from promptsearch.commands.shared.options import layout_of, loading_options, quiet_option
from promptsearch.commands.shared.run_search import loading_from, resuming_command, this_command
from promptsearch.commands.shared.terminal_text import command_line, echo
from promptsearch.data import CLASSIFICATION, KINDS, TaskDefinition, load_task
from promptsearch.errors import RunError, TaskError
from promptsearch.models.training.choice_config import LOSSES, ChoiceTuningConfig
from promptsearch.runs.choice_stage import CHECKPOINT, ChoiceStage, by_family, run_stage
from promptsearch.runs.directory import run_directory
from promptsearch.runs.model_card import CARD

DEFAULTS = ChoiceTuningConfig()


@click.command("tune-choices")
@click.option(
    "--task",
    "-t",
    "tasks",
    multiple=True,
    required=True,
    metavar="TASK",
    help="A task file or a built-in task's name; give it several times. Its [options] are read, or "
    "its answers as options.",
)
@click.option("--yes", metavar="WORD", help="The answer to an option.  [default: yes]")
@click.option("--no", metavar="WORD", help="What `yes` is against.  [default: no]")
@click.option("--model", "-m", default="builtin", show_default=True, metavar="SPEC")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), required=True, metavar="DIR",
    help="The model's directory, which `--model` takes.",
)  # fmt: skip
@click.option(
    "--hold-out", multiple=True, metavar="NAME",
    help="A task or a family of tasks that is not trained on; give it several times.",
)  # fmt: skip
@click.option(
    "--rows", type=click.IntRange(min=1), default=20_000, show_default=True, metavar="N",
    help="Training rows of a task, at most.",
)  # fmt: skip
@click.option(
    "--losses", default=",".join(LOSSES), show_default=True, metavar="A,B,...",
    help="op: which option is right. omlm: yes or no at each. mlm: hidden words.",
)  # fmt: skip
@click.option("--epochs", type=click.IntRange(min=1), default=DEFAULTS.epochs, show_default=True)
@click.option(
    "--batch", type=click.IntRange(min=1), default=DEFAULTS.batch, show_default=True,
    help="Rows a step.",
)  # fmt: skip
@click.option("--lr", type=float, default=DEFAULTS.lr, show_default=True)
@click.option("--warmup", type=float, default=DEFAULTS.warmup, show_default=True)
@click.option("--decay", type=float, default=DEFAULTS.decay, show_default=True)
@click.option("--clip", type=float, default=DEFAULTS.clip, show_default=True)
@click.option("--autocast", is_flag=True, help="Pass in bfloat16; weights stay in float32.")
@click.option(
    "--max-tokens", type=click.IntRange(min=16), metavar="N",
    help="Cut texts so that a row has at most N tokens.  [default: what the model reads]",
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--check-every", type=click.IntRange(min=1), metavar="N",
    help="Steps between checkpoints.  [default: an eighth of all]",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint in DIR.")
@click.option("--overwrite", is_flag=True, help="Replace a model of this command in DIR.")
@loading_options
@quiet_option
def command(tasks: Sequence[str], output: Path, **options: Any) -> None:
    """Train a masked model on tasks whose labels are options, so that it reads others unseen.

    UniMC's multiple-choice stage (Xu et al. 2022). A task that is held out can then be scored
    without a row of it: promptsearch evaluate manual --task TASK --layout options
    --model DIR.
    """
    console = Console(options["quiet"])
    layout = {**layout_of(options), "layout": "options"}
    from promptsearch.models.loading.load import check_family

    check_family("--model", options["model"], ["masked"])
    definitions = [_labelled(task, layout) for task in tasks]
    stage = _stage(definitions, options)
    with _directory(output, options["resume"], options["overwrite"]) as folder:
        _train(stage, folder, options, console)
    for definition in stage.held_out:
        echo(_next(definition, output))
    if not stage.held_out:
        echo(
            "score with it: "
            + command_line("evaluate", "manual", "--task", "TASK", "--model", output)
        )


def _labelled(task: str, layout: Mapping[str, str]) -> TaskDefinition:
    """Return a task with its labels as options. Raises TaskError if it has no labels."""
    kind = load_task(task, KINDS).kind
    if kind.tags_words or not kind.has_labels:
        raise TaskError(f"{task}: it is a task of {kind}, and the stage learns from labels")
    return load_task(task, overrides=layout)


def _stage(definitions: Sequence[TaskDefinition], options: dict[str, Any]) -> ChoiceStage:
    trained, held_out = by_family(definitions, options["hold_out"])
    names = ("epochs", "batch", "lr", "warmup", "decay", "clip", "autocast")
    losses = tuple(part.strip() for part in options["losses"].split(",") if part.strip())
    config = ChoiceTuningConfig(losses, **{name: options[name] for name in names})
    return ChoiceStage(
        trained,
        held_out,
        config,
        options["rows"],
        options["max_tokens"],
        options["seed"],
        this_command(),
    )


def _train(stage: ChoiceStage, folder: Path, options: dict[str, Any], console: Console) -> None:
    from promptsearch.models.loading.load import load_model

    for definition in stage.trained:
        rows = len(stage.examples(definition))
        console.say(f"{definition.name} ({definition.family}): {rows:,} rows")
    model = load_model(options["model"], **loading_from(options, CLASSIFICATION))
    losses: list[float] = []

    def on_step(done: int, steps: int, loss: float) -> None:
        if loss == loss:
            losses.append(loss)
        recent = losses[-50:]
        mean = f" · loss {sum(recent) / len(recent):.3f}" if recent else ""
        console.passing(f"{done:,}/{steps:,} steps{mean}", done == steps)

    try:
        run_stage(stage, model, folder, options["check_every"], on_step, console.say)
    except KeyboardInterrupt:
        if (folder / CHECKPOINT).is_file():
            echo(f"the last checkpoint is in {folder}; go on with: {resuming_command()}", err=True)
        raise
    echo(f"wrote {folder}")


@contextmanager
def _directory(path: Path, resume: bool, overwrite: bool) -> Iterator[Path]:
    """Return the model's directory, locked. Raises RunError if anything else lies in it."""
    with run_directory(path) as folder:
        present = [file.name for file in folder.iterdir() if not file.name.startswith(".")]
        ours = CARD in present or CHECKPOINT in present
        if present and not ours:
            raise RunError(f"{folder}: holds {min(present)}, no model of this command; use -o DIR")
        if CARD in present and not overwrite:
            raise RunError(f"{folder}: holds a trained model; add `overwrite`, or choose -o DIR")
        if CHECKPOINT in present and not (resume or overwrite):
            raise RunError(
                f"{folder}: holds a checkpoint; add `resume` to go on, or `overwrite` to start anew"
            )
        if overwrite:
            for name in present:
                (folder / name).unlink()
        yield folder


def _next(definition: TaskDefinition, output: Path) -> str:
    words = (
        *("evaluate", "manual", "--task", definition.file, "--layout", "options"),
        *("--model", output),
    )
    return f"held out: {definition.family}: {command_line(*words)}"
