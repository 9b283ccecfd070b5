"""`promptsearch check`: data, answers and prompts before an expensive run."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.checking import Finding, findings
from promptsearch.commands.console import print_json
from promptsearch.commands.options import json_option, loading_options, task_option
from promptsearch.commands.running import loaded
from promptsearch.corpora import TaskDefinition, load_task
from promptsearch.evaluation import aligned
from promptsearch.exports.native import SavedPrompt, read_prompts


@click.command("check")
@click.argument("prompts", required=False, type=click.Path(path_type=Path))
@task_option
@click.option("--model", "-m", default="builtin", show_default=True, metavar="SPEC")
@loading_options
@json_option
def command(prompts: Path | None, **given: Any) -> None:
    """Check the data and answers of a task, how the model reads them, and that PROMPTS fit.

    The exit status is 1 where something would make a run worthless.
    """
    definition = load_task(given["task"])
    saved = read_prompts(prompts).prompts if prompts else ()
    model = loaded(given["model"], given, definition)
    found = findings(definition, model)
    report(definition, saved, found, given["as_json"])


def report(
    definition: TaskDefinition,
    saved: Sequence[SavedPrompt],
    found: Sequence[Finding] | None = None,
    as_json: bool = False,
) -> None:
    """Print the findings; leave with status 1 where one is an error."""
    found = findings(definition) if found is None else found
    for one in saved:
        aligned(one, definition)
    if as_json:
        print_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            click.echo(f"{finding.level}: {finding.message}")
        click.echo(f"{definition.name}: {_verdict(found)}")
    if any(finding.level == "error" for finding in found):
        raise SystemExit(1)


def _verdict(found: Sequence[Finding]) -> str:
    errors, warnings = (
        sum(finding.level == level for finding in found) for level in ("error", "warning")
    )
    return f"{errors} errors, {warnings} warnings"
