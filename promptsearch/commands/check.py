"""`promptsearch check`: findings on data, answers and prompts before an expensive run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.console import print_json
from promptsearch.commands.shared.option_names import in_command
from promptsearch.commands.shared.options import (
    json_option,
    layout_of,
    layout_options,
    loading_options,
    task_option,
)
from promptsearch.commands.shared.run_search import loaded, loading_from
from promptsearch.commands.shared.terminal_text import echo
from promptsearch.data import KINDS, TaskDefinition, load_task
from promptsearch.evaluation.checks import Finding, findings
from promptsearch.evaluation.checks.finding import listed
from promptsearch.models import LanguageModel
from promptsearch.prompt_file.load_model import model_for, spec_of
from promptsearch.prompt_file.prompts_json import PromptFile, readable_prompts
from promptsearch.runs.run import with_vocabulary_candidates


@click.command("check")
@click.argument("prompts", required=False, type=click.Path(path_type=Path))
@task_option
@click.option(
    "--model",
    "-m",
    metavar="SPEC",
    help="[default: the one the prompts were found with; without prompts, builtin]",
)
@layout_options
@loading_options
@json_option
def command(prompts: Path | None, **options: Any) -> None:
    """Check the data and answers of a task, how the model reads them, and that PROMPTS fit.

    The exit status is 1 where something would make a run worthless.
    """
    definition = load_task(options["task"], KINDS, layout_of(options))
    file, unreadable = readable_prompts(prompts) if prompts else (None, ())
    model = _model(file, definition, options)
    bad = [Finding("error", str(error)) for error in unreadable]
    model_findings = findings(with_vocabulary_candidates(definition, model), model, file)
    report(definition.name, [*bad, *model_findings], options["as_json"], named=file is not None)


def _model(
    file: PromptFile | None, definition: TaskDefinition, options: Mapping[str, Any]
) -> LanguageModel:
    """Return the model of the options, else of the prompts, else the built-in one.

    Changed weights of the prompts' model are a finding, no error.
    """
    if file is None or "spec" not in file.section("model"):
        return loaded(options["model"] or "builtin", options, definition)
    spec = spec_of(file, options["model"])
    return model_for(file, definition.chat, spec, **loading_from(options, definition.kind))


def report(
    name: str, findings: Sequence[Finding], as_json: bool = False, *, named: bool = False
) -> None:
    """Print the findings of a task; exit with status 1 if one is an error.

    `named` adds the ids of the prompts to each.
    """
    findings = [replace(each, message=in_command(each.message)) for each in findings]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            who = f"{listed(finding.prompts)}: " if named and finding.prompts else ""
            echo(f"{finding.level}: {who}{finding.message}")
        echo(f"{name}: {_verdict(findings)}")
    if any(finding.level == "error" for finding in findings):
        raise SystemExit(1)


def _verdict(findings: Sequence[Finding]) -> str:
    errors, warnings = (
        sum(finding.level == level for finding in findings) for level in ("error", "warning")
    )
    return f"{errors} errors, {warnings} warnings"
