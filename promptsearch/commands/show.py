"""`promptsearch show`: what a prompts.json holds, in the terminal."""

from pathlib import Path
from typing import Any, cast

import rich_click as click

from promptsearch.commands.console import print_json, print_table
from promptsearch.commands.options import json_option
from promptsearch.commands.running import SHOWN, dev_cells
from promptsearch.commands.tuning import about_scores, tuned_cells, tuned_header
from promptsearch.exports.native import PromptFile, SavedPrompt, read_prompts


@click.command("show")
@click.argument("prompts", type=click.Path(path_type=Path))
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, metavar="K")
@json_option
def command(prompts: Path, top: int, as_json: bool) -> None:
    """Show the best prompts of PROMPTS, how they were found, and the baselines."""
    file = read_prompts(prompts)
    if as_json:
        print_json({**file.document, "prompts": [saved.row for saved in file.prompts[:top]]})
        return
    for line in _found(file):
        click.echo(line)
    kind = file.section("task").get("kind", "classification")
    metrics, search = SHOWN[str(kind)], file.section("search")
    rows = [[*tuned_cells(search, p.row), *_row(p, metrics)] for p in file.prompts[:top]]
    manual = cast(dict[str, Any], file.section("baselines").get("manual") or {})
    if manual:
        scores = [*tuned_cells(search, manual), *dev_cells(manual, metrics)]
        rows.append([*scores, "-", "manual", manual["template"]])
    print_table([*tuned_header(search), *metrics, "count", "id", "template"], rows)
    if (left := len(file.prompts) - top) > 0:
        click.echo(f"... and {left} more (--top {len(file.prompts)})")


def _found(file: PromptFile) -> list[str]:
    task, model, search = (file.section(name) for name in ("task", "model", "search"))
    if not search:
        return []
    spent = cast(dict[str, Any], search.get("spent") or {})
    return [
        f"task {task.get('name')} ({task.get('kind')}) · model {model.get('spec')} "
        f"({model.get('family')}, {model.get('dtype')})",
        f"{search.get('strategy')} · {spent.get('prompts')} prompts, {spent.get('forwards'):,} "
        f"forwards, {spent.get('seconds'):.0f} s · stopped: {search.get('stopped_because')}",
        f"made by: {search.get('command')}",
        f"scores {about_scores(search)}",
    ]


def _row(saved: SavedPrompt, metrics: tuple[str, ...]) -> list[str]:
    source = cast(dict[str, Any], saved.row.get("source") or {})
    count = (source.get("evidence") or {}).get("count", "-")
    return [*dev_cells(saved.row, metrics), str(count), saved.id, str(saved.prompt.template)]
