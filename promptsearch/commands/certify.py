"""`promptsearch certify`: the verdict on the gain over the manual prompt."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.certificate_run import Certifier
from promptsearch.commands.shared.certificate_text import print_certificate
from promptsearch.commands.shared.console import Console, print_json
from promptsearch.commands.shared.options import (
    computing_options,
    json_option,
    loading_options,
    quiet_option,
    saved_model_option,
    saved_task_option,
    stacked,
)
from promptsearch.commands.shared.output_checks import check_output
from promptsearch.commands.shared.saved_prompts import compared, model_of_prompts, scorers, task_of
from promptsearch.data import TaskDefinition
from promptsearch.errors import RunError
from promptsearch.evaluation.certificate.candidates import over_the_same
from promptsearch.evaluation.certificate.comparison import Design, check_rows, rows_of
from promptsearch.evaluation.certificate.crossfit import FOLDS
from promptsearch.evaluation.certificate.null_models import SHUFFLES
from promptsearch.files.write import write_atomic
from promptsearch.metrics import OBJECTIVES, objective_in, suits
from promptsearch.prompt_file.prompts_json import PromptFile, read_prompts
from promptsearch.runs.run import with_vocabulary_candidates

design_options = stacked(
    click.option(
        "--rows",
        type=click.Choice(["dev", "all"]),
        help="all: train and dev together.  [default: dev; with --again all]",
    ),
    click.option(
        "--metric", type=click.Choice(list(OBJECTIVES)), help="[default: what `evaluate` compares]"
    ),
    click.option("--folds", type=click.IntRange(2, 20), default=FOLDS, show_default=True),
    click.option(
        "--again",
        is_flag=True,
        help="Search anew for each fold (and each draw), from the rows of the others alone: what "
        "the search is worth, not only these prompts.",
    ),
    click.option(
        "--shots",
        type=click.IntRange(min=1),
        metavar="K",
        help="Also choose from K rows of each label, drawn again and again (with --again K for "
        "train and K for dev).",
    ),
    click.option(
        "--seeds",
        type=click.IntRange(min=1),
        metavar="N",
        help="Draws of --shots.  [default: 100; with --again 5]",
    ),
    click.option(
        "--random",
        "randoms",
        type=click.IntRange(min=0),
        metavar="N",
        help="Random prompts to choose among, as a rival.  [default: as many as were searched]",
    ),
    click.option(
        "--shuffles",
        type=click.IntRange(min=0),
        default=SHUFFLES,
        show_default=True,
        metavar="N",
        help="Label shuffles of the permutation test.",
    ),
    click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True),
)


@click.command("certify")
@click.argument("prompts", type=click.Path(path_type=Path))
@saved_task_option
@saved_model_option
@design_options
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.json",
    help="Write the certificate here too.",
)
@click.option("--overwrite", is_flag=True, help="Replace that file.")
@loading_options
@computing_options
@json_option
@quiet_option
def command(prompts: Path, **options: Any) -> None:
    """Say whether the gain of PROMPTS over the manual prompt is real, noise, or needs more rows.

    The winner is chosen on some folds of the rows and judged on the fold left out; the test split
    is not read.
    """
    console, file = Console(options["quiet"]), read_prompts(prompts)
    definition = task_of(file, options["task"])
    if options["output"]:
        check_output(options["output"], options, file=file, definition=definition)
    design = _design(file, definition, options)
    which = options["rows"] or ("all" if options["again"] else "dev")
    check_rows(rows_of(definition, which), definition, design, options["again"])
    if file.document.get("ensemble"):
        console.say("single prompts are certified; the file's ensemble is not among them")
    model = model_of_prompts(file, definition, options, console)
    definition = over_the_same(with_vocabulary_candidates(definition, model), file)
    with scorers(file, definition, model, options, console) as (_, scorer):
        certifier = Certifier(file, definition, model, scorer, design, which, options, console)
        document = certifier.document()
    if options["as_json"]:
        print_json(document)
    else:
        print_certificate(document)
    if options["output"]:  # last: hours are behind it, and the disk may be full
        write_atomic(options["output"], json.dumps(document, ensure_ascii=False, indent=1) + "\n")


def _design(file: PromptFile, definition: TaskDefinition, options: Mapping[str, Any]) -> Design:
    """Return the design. Raises RunError if options do not suit the task or each other."""
    chosen_by = objective_in(file.section("search"))
    metric = OBJECTIVES[options["metric"]] if options["metric"] else compared(file, definition)
    if not suits(metric, definition.kind):
        raise RunError(f"--metric {options['metric']} does not suit a {definition.kind} task")
    if definition.threshold == "dev" and {metric, chosen_by} != {"log_likelihood"}:
        raise RunError(
            "thresholds were learned on dev, so that decisions cannot be certified there; search "
            "by log-likelihood and add --metric log-likelihood, or give the task a number"
        )
    if options["again"] and options["rows"] == "dev":
        raise RunError("--again searches from all rows but those that judge; leave out --rows dev")
    if options["seeds"] and not options["shots"]:
        raise RunError(f"--seeds {options['seeds']} is of --shots K draws; add --shots")
    draws = options["seeds"] or (5 if options["again"] else 100)
    return Design(metric, chosen_by, options["folds"], options["shots"], draws, options["seed"])
