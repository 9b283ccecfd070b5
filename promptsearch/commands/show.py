"""`promptsearch show`: the contents of a prompts.json, in the terminal."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import rich_click as click

from promptsearch.commands.shared.console import (
    Console,
    number,
    print_json,
    print_table,
    prompt_cells,
)
from promptsearch.commands.shared.expected_scores import (
    answering,
    expected_cells,
    expected_header,
    expected_lines,
)
from promptsearch.commands.shared.finetune_options import about_scores, tuned_cells, tuned_header
from promptsearch.commands.shared.manual_row import with_manual
from promptsearch.commands.shared.options import computing_options, json_option, loading_options
from promptsearch.commands.shared.run_search import dev_cells, measured
from promptsearch.commands.shared.terminal_plots import bars, budget_curve_plot, check_plotext
from promptsearch.commands.shared.terminal_text import command_line, echo, in_one_line
from promptsearch.evaluation.report.statistics.ancestry import ancestry_of
from promptsearch.evaluation.report.statistics.budget_curve import budget_curve_of
from promptsearch.evaluation.report.statistics.nearest_tokens import vector_groups
from promptsearch.evaluation.report.trials import Trials, read_trials
from promptsearch.metrics import objective_in, table_metrics
from promptsearch.prediction.ensemble_text import summed_remark
from promptsearch.prompt_file.prompts_json import PromptFile, read_prompts

NEAREST = 10  # tokens of a soft part


@click.command("show")
@click.argument("prompts", type=click.Path(path_type=Path))
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, metavar="K")
@click.option("--plots", is_flag=True, help="Draw the search's course and, with --split, bars.")
@click.option(
    "--split",
    type=click.Choice(["test", "dev"]),
    help="Ask the model, and add the first prompt's results label by label.",
)
@click.option("--task", "-t", metavar="TASK", help="With --split: a task file or a task's name.")
@click.option(
    "--model", "-m", metavar="SPEC", help="With --split.  [default: the one they were found with]"
)
@loading_options
@computing_options
@json_option
def command(prompts: Path, top: int, as_json: bool, **options: Any) -> None:
    """Show the best prompts of PROMPTS, how they were found, and the baselines."""
    if options["plots"]:
        check_plotext()
    file = read_prompts(prompts)
    if as_json:
        print_json({**file.document, "prompts": [saved.row for saved in file.prompts[:top]]})
        return
    for line in _origin_lines(file):
        echo(line)
    _print_table(file, top)
    for line in _vector_lines(file, top):
        echo(line)
    trials = read_trials(prompts.parent)
    for line in _search_lines(file, trials):
        echo(line)
    if options["plots"]:
        _print_course(file, trials)
    if options["split"]:
        _print_labels(file, options)
    if not options["plots"]:
        echo(f"--plots draws the search; a page about all: {command_line('report', prompts)}")


def _print_table(file: PromptFile, top: int) -> None:
    search = file.section("search")
    prompts: list[Mapping[str, Any]] = [{**p.row, "id": p.id} for p in file.prompts[:top]]
    baseline = cast("Mapping[str, Any] | None", file.section("baselines").get("manual"))
    prompts, manual = with_manual(prompts, baseline)
    table_rows = [*prompts, *manual]
    metrics = measured(table_metrics(file.kind), table_rows)
    rows = [
        [
            *expected_cells(file.document, row),
            *tuned_cells(search, row),
            *dev_cells(row, metrics),
            _count(row),
            row["id"],
            prompt,
        ]
        for row, prompt in zip(table_rows, prompt_cells(table_rows), strict=True)
    ]
    heads = [*expected_header(file.document), *tuned_header(search), *metrics]
    print_table([*heads, "count", "id", "prompt"], rows)
    for line in expected_lines(file.document):
        echo(line)
    if (hidden := len(file.prompts) - top) > 0:
        echo(f"... and {hidden} more (--top {len(file.prompts)})")


def _origin_lines(file: PromptFile) -> list[str]:
    task, model, search = (file.section(name) for name in ("task", "model", "search"))
    if not search:
        return []
    spent = cast(dict[str, Any], search.get("spent") or {})
    passes = f"{spent.get('forwards', 0):,} forward passes"
    return [
        f"task {task.get('name')} ({task.get('kind')}) · model {model.get('spec')} "
        f"({model.get('family')}, {model.get('dtype')})",
        f"{search.get('strategy')} · {spent.get('prompts')} prompts, {passes}, "
        f"{spent.get('seconds', 0):.0f} s · stopped: {_stopped(search, spent.get('prompts'))}",
        in_one_line(f"made by: {search.get('command')}"),
        *_ensemble_lines(file.document),
        f"scores {about_scores(search)}",
    ]


def _stopped(search: Mapping[str, object], spent: object) -> str:
    """Return why a search ended: runs that share a budget may leave some of it."""
    reason, budget = str(search.get("stopped_because")), search.get("budget")
    if reason == "budget" and isinstance(budget, int) and isinstance(spent, int) and spent < budget:
        return f"each run's share of the budget of {budget:,}"
    return reason


def _ensemble_lines(document: Mapping[str, Any]) -> list[str]:
    """Return the ensemble's members and its scores on dev, and whether it answers."""
    if not (ensemble := document.get("ensemble")):
        return []
    weights = ", ".join(
        f"{m.get('id')} {m.get('weight', 1):.3f}" for m in ensemble.get("members", ())
    )
    scores = (ensemble.get("scores") or {}).get("dev") or {}
    score_text = (
        f" · on dev log_likelihood {number(scores.get('log_likelihood'))}" if scores else ""
    )
    remark = summed_remark(ensemble, " · ")
    taken = answering(document)
    return [f"ensemble ({ensemble.get('rule')}): {weights}{remark}{score_text}{taken}"]


def _count(row: Mapping[str, Any]) -> str:
    source = row.get("source") or {}
    return str((source.get("evidence") or {}).get("count", "-"))


def _vector_lines(file: PromptFile, top: int) -> Iterator[str]:
    """Yield a line for each soft part of the best prompt of each soft template."""
    for group in vector_groups(file.prompts[:top]):
        vectors = "1 vector" if group.length == 1 else f"{group.length} vectors"
        line = f"{group.notation} of {group.prompt}: {vectors} of {group.width:,} numbers"
        if group.nearest:
            tokens = [f"{t.text.strip()} {t.cosine:.2f}" for t in group.nearest[:NEAREST]]
            rest = ", ..." if len(group.nearest) > NEAREST else ""
            line += f"; nearest: {', '.join(tokens)}{rest}"
        yield in_one_line(line)


def _search_lines(file: PromptFile, trials: Trials) -> Iterator[str]:
    """Yield the best prompt's origin and the search's result, with notes on missing data."""
    members = ancestry_of(file.prompts[0], file.prompts, trials.rows).members
    if len(members) > 1:
        yield f"ancestry: {' > '.join(member.id for member in members)}"
    if trials.damaged:
        yield f"{trials.path}: line {trials.damaged[0]} cannot be read; trials are missing"
    metric = objective_in(file.section("search"))
    curve = budget_curve_of(trials.rows, metric)
    if curve.best:
        (_, first), (prompt_number, best) = curve.best[0], curve.best[-1]
        yield (
            f"search: {metric} {number(first)} to {number(best)} over {curve.prompts} prompts, "
            f"the last improvement at prompt {prompt_number}"
        )


def _print_course(file: PromptFile, trials: Trials) -> None:
    """Print the plot of the best score over the search."""
    metric = objective_in(file.section("search"))
    curve = budget_curve_of(trials.rows, metric)
    if curve.points:
        echo(budget_curve_plot(curve, f"{metric} on dev, over distinct prompts"))
    else:
        echo(f"{trials.path} is missing or holds no trial on dev: there is no course to draw")


def _print_labels(file: PromptFile, options: dict[str, Any]) -> None:
    """Print the first prompt's results on a split: by label or, for facts, by object."""
    from promptsearch.commands.shared.label_table import label_rows
    from promptsearch.commands.shared.model_predictions import model_predictions

    predictions = model_predictions(file, options, Console(), top=1, mistakes=0)
    table = label_rows(predictions)
    echo(f"{file.prompts[0].id} on {predictions.split}{table.remark}:")
    print_table(table.header, table.rows)
    if options["plots"] and table.bars:
        echo(bars(table.bars, table.of))
