"""`promptsearch evaluate`: scores of prompts on a split."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.console import Console, print_json
from promptsearch.commands.shared.evaluation_remarks import remarks_on
from promptsearch.commands.shared.evaluation_table import (
    EvaluatedFile,
    formatted_evaluations,
    print_evaluation,
)
from promptsearch.commands.shared.options import (
    computing_options,
    json_option,
    loading_options,
    quiet_option,
    saved_model_option,
    saved_task_option,
)
from promptsearch.commands.shared.output_checks import check_output
from promptsearch.commands.shared.saved_prompts import (
    compared,
    model_of_prompts,
    scorers,
    split_of,
    task_of,
)
from promptsearch.commands.shared.table_formats import FORMATS
from promptsearch.commands.shared.terminal_text import echo
from promptsearch.commands.shared.unfinished_scores import unfinished_scores
from promptsearch.data import Split, TaskDefinition
from promptsearch.errors import RunError
from promptsearch.evaluation.checks.answers import worthless_answers
from promptsearch.evaluation.evaluate import compared_prompts, evaluate
from promptsearch.evaluation.report.number_format import count
from promptsearch.files.write import write_lines
from promptsearch.models import LanguageModel
from promptsearch.prediction.ensemble_file import read_ensemble
from promptsearch.prediction.selection import scoring_from
from promptsearch.prompt_file.load_model import spec_of
from promptsearch.prompt_file.prompts_json import Json, PromptFile, SavedPrompt, read_prompts
from promptsearch.runs.run import with_vocabulary_candidates
from promptsearch.scoring import PromptScorer


@click.command("evaluate")
@click.argument("prompts", type=click.Path(path_type=Path), nargs=-1, required=True)
@saved_task_option
@click.option(
    "--split", type=click.Choice(["test", "dev", "train"]), default="test", show_default=True
)
@click.option("--top", type=click.IntRange(min=1), default=1, show_default=True, metavar="K")
@saved_model_option
@click.option(
    "--examples-out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.jsonl",
    help="What was predicted for each example.",
)
@click.option("--overwrite", is_flag=True, help="Replace that file.")
@click.option(
    "--resume", is_flag=True, help="Go on with the scores of an evaluation that was stopped."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", *FORMATS]),
    default="text",
    show_default=True,
    help="text: a table a file. The others: one table over all files.",
)
@loading_options
@computing_options
@json_option
@quiet_option
def command(prompts: tuple[Path, ...], **options: Any) -> None:
    """Score the first K prompts of each file of PROMPTS, in its order, beside the baselines.

    The difference to the manual prompt is paired: the same examples under both.
    """
    if options["as_json"] and options["form"] != "text":
        raise RunError(f"--json and --format {options['form']} are two outputs; leave out one")
    console = Console(options["quiet"])
    inputs = [_input(path, options) for path in prompts]
    with unfinished_scores(prompts[0], options, console) as folder:
        files = _evaluated_files(inputs, {**options, "cache": folder}, console)
    if options["as_json"]:
        print_json(_document(files))
    elif options["form"] != "text":
        echo(formatted_evaluations(files, options["form"]))
        _say_remarks(files, console)
    else:
        _print(files)
    if options["examples_out"]:  # last: what was computed is printed even if the disk is full
        rows = (json.dumps(row, ensure_ascii=False) + "\n" for row in _example_rows(files))
        write_lines(options["examples_out"], rows)


@dataclass(frozen=True)
class _Input:
    """File of prompts with its task and the split to score, before a model is loaded."""

    file: PromptFile
    definition: TaskDefinition
    split: Split


def _input(path: Path, options: Mapping[str, Any]) -> _Input:
    file = read_prompts(path)
    definition = task_of(file, options["task"])
    if options["examples_out"]:
        check_output(options["examples_out"], options, file=file, definition=definition)
    return _Input(file, definition, split_of(definition, options["split"]))


def _evaluated_files(
    inputs: Sequence[_Input], options: Mapping[str, Any], console: Console
) -> list[EvaluatedFile]:
    """Return the evaluations in the order of the files; models are in memory one after another."""
    specs = [spec_of(each.file, options["model"]) for each in inputs]
    files: dict[int, EvaluatedFile] = {}
    for spec in dict.fromkeys(specs):
        numbers = [number for number, other in enumerate(specs) if other == spec]
        of_spec = _evaluated_with_one([inputs[number] for number in numbers], options, console)
        files |= zip(numbers, of_spec, strict=True)
    return [files[number] for number in range(len(inputs))]


def _evaluated_with_one(
    inputs: Sequence[_Input], options: Mapping[str, Any], console: Console
) -> list[EvaluatedFile]:
    """Return the evaluations of files of one model, which is loaded once."""
    from promptsearch.models.loading.load import load_for

    load, files = cache(load_for), []
    for each in inputs:
        model = model_of_prompts(each.file, each.definition, options, console, load)
        files.append(_evaluated(each, model, options, console))
    return files


def _evaluated(
    each: _Input, model: LanguageModel, options: Mapping[str, Any], console: Console
) -> EvaluatedFile:
    file, split = each.file, each.split
    definition = with_vocabulary_candidates(each.definition, model)
    saved, ensemble = file.prompts[: options["top"]], read_ensemble(file, definition)
    verbalizers = [prompt.prompt.verbalizer for prompt in saved]
    console.warn(worthless_answers(verbalizers, model, definition.kind == "facts"))
    with scorers(file, definition, model, options, console) as (scorer, split_scorer):
        console.say(f"{file.path}: {_plan(saved, definition, split, split_scorer)}")
        evaluation = evaluate(saved, definition, scorer, split, split_scorer, ensemble)
    document = evaluation.document(compared(file, definition))
    remarks = tuple(remarks_on(evaluation, document, file))
    taken = scoring_from(file).calibration
    return EvaluatedFile(
        file.path, definition, split, taken, document, remarks, evaluation.examples()
    )


def _plan(
    saved: Sequence[SavedPrompt], definition: TaskDefinition, split: Split, scorer: PromptScorer
) -> str:
    """Return what will be scored: the prompts, the manual one beside them, and the passes."""
    cost = scorer.cost(compared_prompts(saved, definition), split.examples)
    return (
        f"{count(len(saved), 'prompt')} and the manual one x {len(split.examples):,} {split.name} "
        f"examples · {count(cost.forwards, 'forward pass', 'forward passes')}"
    )


def _document(files: Sequence[EvaluatedFile]) -> Json:
    """Return the document of one file as it is, those of several in a list."""
    if len(files) == 1:
        document: Json = files[0].document
        return document
    return {"files": [{"file": str(file.path), **file.document} for file in files]}


def _print(files: Sequence[EvaluatedFile]) -> None:
    for number, file in enumerate(files):
        if number:
            echo("")
        print_evaluation(file, file.title if len(files) == 1 else f"{file.path}: {file.title}")


def _say_remarks(files: Sequence[EvaluatedFile], console: Console) -> None:
    """Print the remarks apart from the table, which may go to a file."""
    for file in files:
        for remark in file.remarks:
            console.say(f"{file.path}: {remark}")


def _example_rows(files: Sequence[EvaluatedFile]) -> Iterator[Json]:
    """Yield the rows of all examples, with their file where there are several."""
    for file in files:
        about = {"file": str(file.path)} if len(files) > 1 else {}
        yield from ({**about, **row} for row in file.examples)
