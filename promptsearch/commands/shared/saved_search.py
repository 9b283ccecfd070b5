"""The search that made a file, rebuilt from the file."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, cast

from promptsearch.engine.strategy import Searcher
from promptsearch.errors import RunError
from promptsearch.models.finetuning.config import LEAST
from promptsearch.prediction.selection import scoring_from
from promptsearch.prompt_file.prompts_json import PromptFile
from promptsearch.runs.settings import Settings
from promptsearch.searchers import SEARCHERS, JointSearch


def searcher_of(file: PromptFile) -> Searcher:
    """Return the strategy with its options.

    Raises RunError if the file was not made by a strategy of this version.
    """
    search_section = file.section("search")
    strategy = str(search_section.get("strategy"))
    if strategy not in SEARCHERS:
        raise RunError(
            f"{file.path}: was not made by a search of this tool (strategy {strategy!r})"
        )
    options = cast(dict[str, Any], search_section.get("options") or {})
    known = [field.name for field in fields(cast(Any, SEARCHERS[strategy]))]
    if strange := [name for name in options if name not in known]:
        raise RunError(f"{file.path}: {strategy} has no option {strange[0]!r}; take it out")
    searcher: Searcher = SEARCHERS[strategy](
        **{name: tuple(v) if isinstance(v, list) else v for name, v in options.items()}
    )
    if isinstance(searcher, JointSearch):  # its shares are those of the whole budget
        return replace(searcher, budget=cast(int | None, search_section.get("budget")))
    return searcher


def settings_of(file: PromptFile) -> Settings:
    """Return the settings of the search; if it was cut short, its budget is what it scored."""
    search_section = cast(dict[str, Any], file.section("search"))
    budget = (
        search_section["spent"]["prompts"]
        if search_section["stopped_because"] != "finished"
        else search_section["budget"]
    )
    settings = scoring_from(file)
    race = search_section.get("race") is not None
    return replace(
        settings,
        objective=search_section["objective"],
        budget=budget,
        seed=search_section["seed"],
        race=race,
        **_tuning(search_section),
    )


def _tuning(search_section: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the settings of tuning; if it was cut short, `top` is the number it tuned."""
    how = search_section.get("finetune") or {"done": 0}
    if not how["done"]:
        return {}
    names = {name: how[name] for name in ("steps", "batch", "lr")}
    finetune_options = {"top": max(LEAST, how["done"]), **names}
    return {
        "rank_by": "finetune",
        **{f"finetune_{name}": v for name, v in finetune_options.items()},
    }
