"""Options and table columns of ranking by fine-tuned copies of the model."""

from collections.abc import Mapping, Sequence
from typing import Any

import rich_click as click

from promptsearch.commands.shared.console import number
from promptsearch.commands.shared.options import stacked
from promptsearch.metrics import objective_in
from promptsearch.models.finetuning.config import LEAST, FinetuneConfig

tuning_options = stacked(
    click.option(
        "--rank-by",
        type=click.Choice(["frozen", "finetune"]),
        default="frozen",
        show_default=True,
        help="finetune: a copy of the model is tuned on train to each finalist, and ranks it on "
        "dev (LM-BFF). Slow; needs accelerate.",
    ),
    click.option(
        "--finetune-top",
        type=click.IntRange(min=LEAST),
        default=FinetuneConfig.top,
        show_default=True,
        metavar="N",
        help="Finalists, the manual prompt among them.",
    ),
    click.option(
        "--finetune-steps",
        type=click.IntRange(min=1),
        default=FinetuneConfig.steps,
        show_default=True,
    ),
    click.option(
        "--finetune-batch",
        type=click.IntRange(min=1),
        default=FinetuneConfig.batch,
        show_default=True,
        help="Training examples a step.",
    ),
    click.option(
        "--finetune-lr",
        type=click.FloatRange(min=0, max=1, min_open=True),
        default=FinetuneConfig.lr,
        show_default=True,
        help="Learning rate of AdamW; it falls to 0.",
    ),
)


def tuned_header(search: Mapping[str, Any]) -> list[str]:
    """Return the headers of tuned scores in tables: none if the frozen model ranked."""
    return [f"tuned {objective_in(search)}"] if search.get("rank_by") == "finetune" else []


def tuned_cells(search: Mapping[str, Any], row: Mapping[str, Any]) -> Sequence[str]:
    """Return the cells of tuned scores for a row of prompts.json."""
    scores = (row.get("finetuned") or {}).get("dev") or {}
    return [number(scores.get(objective_in(search))) for _ in tuned_header(search)]


def about_scores(search: Mapping[str, Any]) -> str:
    """Return the line above a table that describes its scores."""
    if search.get("rank_by") != "finetune":
        return "on dev, which selected them:"
    how = search["finetune"]
    if not how["done"]:
        return "on dev, which selected them; no finalist was tuned:"
    return (
        f"on dev, which selected them; {how['done']} of {how['finalists']} finalists ranked by "
        f"copies of the model that were tuned to them ({how['steps']} steps on train), before the "
        "others:"
    )
