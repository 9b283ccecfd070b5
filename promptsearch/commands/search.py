"""`promptsearch search`: several strategies in a chain, alternately or jointly, by a plan."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.ensemble import write_ensemble
from promptsearch.commands.shared.options import layout_of
from promptsearch.commands.shared.run_search import After, settings_from
from promptsearch.commands.shared.search_command import search_with
from promptsearch.commands.shared.searcher_options import run_options
from promptsearch.commands.shared.terminal_text import echo
from promptsearch.data import TaskDefinition, load_task
from promptsearch.engine.folds import FOLDS, runs_over, share_of_run
from promptsearch.prediction.fit_ensemble import EnsembleConfig, check_joinable
from promptsearch.runs.run import task_of
from promptsearch.runs.settings import Settings
from promptsearch.searchers import JointSearch
from promptsearch.searchers.joint.feasibility import check_feasible
from promptsearch.searchers.joint.plan_file import plan_as_toml, plan_summary, read_plan

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Print the plan as a file that PLAN may be, and end."
)


@click.command("search")
@click.argument("plan", required=False, metavar="[PLAN.toml]", type=click.Path(path_type=Path))
@run_options(dry_run_option)
def command(plan: Path | None, task: str, dry_run: bool, **options: Any) -> None:
    """Search with several strategies under one budget, each from the best prompts so far.

    PLAN says which, from how many prompts and with how many each. Without one, all that suit the
    task take their turn: first those for answers, then templates are mined, paraphrased and
    generated, and the best of both are tried together. The best prompts answer as an ensemble.
    """
    definition = load_task(task, overrides=layout_of(options))
    settings = settings_from(options)
    searcher = _search_of(plan, definition, settings)
    if dry_run:
        echo(plan_as_toml(searcher), nl=False)
        return
    messages = _messages(searcher, definition, settings)
    after = _ensemble_maker(searcher, definition, options)
    search_with(searcher, "search", definition, options, *messages, after=after)


def _ensemble_maker(
    searcher: JointSearch, definition: TaskDefinition, options: Mapping[str, Any]
) -> After | None:
    """Return the maker of an ensemble from the best prompts, if the plan has one."""
    if (planned := searcher.design.ensemble) is None:
        return None
    check_joinable(definition, planned.rule)
    making = EnsembleConfig(planned.rule, planned.top, planned.per_step, seed=options["seed"])
    return lambda directory, model: write_ensemble(directory, definition, model, making, options)


def _search_of(plan: Path | None, definition: TaskDefinition, settings: Settings) -> JointSearch:
    """Return the search of a plan, checked on the task; without one, the task's default."""
    if plan is None:
        corpus, prompts = bool(definition.corpus), _prompts_of_run(definition, settings, FOLDS)
        return JointSearch.by_default(definition.kind, corpus, prompts)
    searcher = read_plan(plan)
    if not searcher.skip:
        check_feasible(searcher.all_steps, task_of(definition, None, settings, None), f"{plan}: ")
    return searcher


def _messages(searcher: JointSearch, definition: TaskDefinition, settings: Settings) -> list[str]:
    """Return the plan in a line, how often it runs, and the number of texts at most."""
    prompts = _prompts_of_run(definition, settings, searcher.folds)
    lines = [f"plan: {plan_summary(searcher.all_steps, prompts)}"]
    if (runs := _runs(definition, settings, searcher.folds)) > 1:
        lines.append(
            f"it runs {runs} times, each without another part of dev, which tells what to expect "
            "on new rows; a run's lines tell scores on the rows that it sees. Prompts that several "
            "runs come to are scored once, so the budget need not be spent"
        )
    elif searcher.folds > 1:
        lines.append(f"it runs once, {_why_once(definition, settings)}: nothing is expected")
    if settings.budget is not None:
        examples = len(definition.dev.examples)
        lines.append(
            f"about {settings.budget:,} prompts x {examples:,} examples = "
            f"{settings.budget * examples:,} texts on dev at most, those of one template together; "
            "what strategies ask on train comes on top"
        )
    return lines


def _why_once(definition: TaskDefinition, settings: Settings) -> str:
    if settings.race:
        return "for a race compares prompts on all rows"
    return f"for dev has too few rows to be folded ({len(definition.dev.examples):,})"


def _runs(definition: TaskDefinition, settings: Settings, folds: int) -> int:
    return runs_over(len(definition.dev.examples), folds, settings.race)


def _prompts_of_run(definition: TaskDefinition, settings: Settings, folds: int) -> int | None:
    """Return the prompts that a run of the plan may ask for, the manual one left out."""
    share = share_of_run(settings.budget, _runs(definition, settings, folds))
    return None if share is None else share - 1
