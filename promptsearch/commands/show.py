"""`promptsearch show`: what a prompts.json holds, in the terminal."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import rich_click as click

from promptsearch.commands.console import number, print_json, print_table, prompt_cells
from promptsearch.commands.options import json_option
from promptsearch.commands.running import SHOWN, dev_cells
from promptsearch.commands.tuning import about_scores, tuned_cells, tuned_header
from promptsearch.exports.native import PromptFile, read_prompts


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
    found: list[Mapping[str, Any]] = [{**p.row, "id": p.id} for p in file.prompts[:top]]
    if manual := file.section("baselines").get("manual"):
        found.append({**cast(dict[str, Any], manual), "id": "manual"})
    rows = [
        [*tuned_cells(search, row), *dev_cells(row, metrics), _count(row), row["id"], prompt]
        for row, prompt in zip(found, prompt_cells(found), strict=True)
    ]
    print_table([*tuned_header(search), *metrics, "count", "id", "prompt"], rows)
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
        *_together(file.document.get("ensemble")),
        f"scores {about_scores(search)}",
    ]


def _together(ensemble: Any) -> list[str]:
    """The ensemble's members, and what it scores on dev."""
    if not ensemble:
        return []
    weights = ", ".join(f"{m['id']} {m['weight']:.3f}" for m in ensemble["members"])
    scores = (ensemble.get("scores") or {}).get("dev") or {}
    worth = f" · on dev log_likelihood {number(scores.get('log_likelihood'))}" if scores else ""
    return [f"ensemble ({ensemble['rule']}): {weights}{worth}"]


def _count(row: Mapping[str, Any]) -> str:
    source = row.get("source") or {}
    return str((source.get("evidence") or {}).get("count", "-"))
