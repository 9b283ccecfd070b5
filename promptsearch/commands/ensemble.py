"""`promptsearch ensemble`: the best prompts of a search as one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import rich_click as click

from promptsearch.commands.shared.console import Console, print_json, print_table
from promptsearch.commands.shared.manual_row import with_manual
from promptsearch.commands.shared.options import (
    computing_options,
    json_option,
    loading_options,
    quiet_option,
    saved_model_option,
    saved_task_option,
)
from promptsearch.commands.shared.run_search import dev_cells, output_directory
from promptsearch.commands.shared.saved_prompts import model_of_prompts, scorers, task_of
from promptsearch.commands.shared.terminal_text import command_line, echo, in_one_line
from promptsearch.data import TaskDefinition
from promptsearch.errors import RunError
from promptsearch.files.write import write_bytes
from promptsearch.metrics import METRIC, objective_in, table_metrics
from promptsearch.models import LanguageModel
from promptsearch.prediction.ensemble_file import files_beside
from promptsearch.prediction.ensemble_text import summed_remark
from promptsearch.prediction.fit_ensemble import EnsembleConfig, check_joinable, ensemble_section
from promptsearch.prediction.selection import without_expected_ensemble
from promptsearch.prompt_file.prompts_json import Json, PromptFile, read_prompts, write_prompts
from promptsearch.runs.directory import clear_run
from promptsearch.runs.run import with_vocabulary_candidates
from promptsearch.scoring.combination import RULES
from promptsearch.scoring.generation_scorer import GenerationScorer


@click.command("ensemble")
@click.argument("prompts", type=click.Path(path_type=Path))
@saved_task_option
@click.option(
    "--rule",
    type=click.Choice(RULES),
    default=EnsembleConfig.rule,
    show_default=True,
    help="uniform and rank (1, 1/2, 1/3 ...) need no labels; optimised (LPAQA), "
    "mixture (Qin and Eisner: a mean of probabilities) and greedy learn weights on train; vote "
    "counts first choices. Of texts uniform, rank and mixture average the next token's.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    metavar="K",
    help=f"The best K prompts become members.  [default: {EnsembleConfig.top}, or all of fewer]",
)
@click.option(
    "--examples",
    type=click.IntRange(min=1),
    default=EnsembleConfig.examples,
    show_default=True,
    help="Training examples that weights are learned from, at most.",
)
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True)
@saved_model_option
@click.option(
    "--output",
    "-o",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="[default: runs/<task>-ensemble-<n>]",
)
@click.option("--overwrite", is_flag=True, help="Start anew in the directory.")
@loading_options
@computing_options
@json_option
@quiet_option
def command(prompts: Path, **options: Any) -> None:
    """Put the best prompts of PROMPTS together: weights from train, scores on dev.

    The result is the same file with its `ensemble` filled in; `evaluate` says what that is worth.
    """
    console, file = Console(options["quiet"]), read_prompts(prompts)
    top = options["top"] or min(EnsembleConfig.top, len(file.prompts))
    making = EnsembleConfig(
        options["rule"], top, examples=options["examples"], seed=options["seed"]
    )
    definition = task_of(file, options["task"])
    check_joinable(definition, making.rule)
    if options["output"]:
        _check_apart(options["output"], prompts)
    # What is there stays until the new file is written: what fails loses nothing.
    anew = {**options, "resume": options["overwrite"], "overwrite": False}
    with output_directory(anew, definition, "ensemble", resumable=False) as directory:
        model = model_of_prompts(file, definition, options, console)
        document = {
            **without_expected_ensemble(file.document),
            "ensemble": _ensemble_of(file, definition, model, making, options),
        }
        written = {"prompts.json"}
        for beside in files_beside(file):
            write_bytes(directory / beside.name, beside.read_bytes())
            written.add(beside.name)
        write_prompts(directory / "prompts.json", document)
        clear_run(directory, written)
    if options["as_json"]:
        print_json(document)
    else:
        _print(document, definition, directory)


def _check_apart(directory: Path, prompts: Path) -> None:
    if directory.exists() and directory.samefile(prompts.parent):
        raise RunError(
            f"{directory}: is where {prompts.name} and its ledger lie; choose another -o DIR"
        )


def write_ensemble(
    directory: Path,
    definition: TaskDefinition,
    model: LanguageModel,
    making: EnsembleConfig,
    options: Mapping[str, Any],
) -> None:
    """Fill in the ensemble of a finished run; if prompts are fewer than `top`, all take part."""
    file = read_prompts(directory / "prompts.json")
    making = replace(making, top=min(making.top, len(file.prompts)))
    document = {**file.document, "ensemble": _ensemble_of(file, definition, model, making, options)}
    write_prompts(file.path, document)


def _ensemble_of(
    file: PromptFile,
    definition: TaskDefinition,
    model: LanguageModel,
    making: EnsembleConfig,
    options: Mapping[str, Any],
) -> Json:
    console = Console(options["quiet"])
    definition = with_vocabulary_candidates(definition, model)
    with scorers(file, definition, model, options, console) as (raw_scorer, scorer):
        if isinstance(raw_scorer, GenerationScorer):
            raw_scorer = _writing_if_asked(raw_scorer, file)
        return ensemble_section(file.prompts, definition, scorer, raw_scorer, making)


def _writing_if_asked(scorer: GenerationScorer, file: PromptFile) -> GenerationScorer:
    """Return a scorer that writes on dev only where the search's objective is of texts."""
    needs_texts = METRIC[objective_in(file.section("search"))].needs_texts
    return scorer if needs_texts else replace(scorer, decode=None)


def _print(document: Json, definition: TaskDefinition, directory: Path) -> None:
    metrics = table_metrics(definition.kind)
    ensemble = cast(Mapping[str, Any], document["ensemble"])
    first = {"id": "p0", **cast(list[Any], document["prompts"])[0]}
    baselines = cast(Mapping[str, Any], document.get("baselines") or {})
    prompts, manual = with_manual([first], baselines.get("manual"))
    rows = [{"id": "ensemble", **ensemble}, *prompts, *manual]
    echo("on dev, which selected the members:")
    print_table([*metrics, "id"], [[*dev_cells(row, metrics), row["id"]] for row in rows])
    weights = [f"{m['id']} {m['weight']:.3f}" for m in ensemble["members"]]
    echo(f"weights: {in_one_line(', '.join(weights))}{summed_remark(ensemble, ' · ')}")
    echo(f"wrote {directory / 'prompts.json'}")
    if definition.test_files:
        evaluating = command_line("evaluate", directory / "prompts.json")
        echo(f"what it is worth: {evaluating}")
