"""The search that made a file, rebuilt from the file."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from promptsearch.engine.strategy import Searcher
from promptsearch.errors import RunError
from promptsearch.models.finetuning.config import LEAST
from promptsearch.prediction.selection import scoring_from
from promptsearch.prompt_file.prompts_json import PromptFile
from promptsearch.prompt_file.schema import prompts_schema, violations
from promptsearch.runs.settings import Settings
from promptsearch.searchers import SEARCHERS, JointSearch
from promptsearch.searchers.joint.plan import build_strategy


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
    _check_complete(file)
    options = dict(cast(dict[str, Any], search_section.get("options") or {}))
    if SEARCHERS[strategy] is JointSearch:
        options.setdefault("folds", 1)  # earlier versions had none
    location = f"{file.path}: search.options"
    searcher = cast(Searcher, build_strategy(SEARCHERS[strategy], options, (), location))
    if isinstance(searcher, JointSearch):  # its shares are those of the whole budget
        return replace(searcher, budget=cast(int | None, search_section.get("budget")))
    return searcher


def _check_complete(file: PromptFile) -> None:
    """Raise RunError if a section lacks what it takes to search again."""
    sections = prompts_schema()["properties"]
    for name in ("search", "task", "model"):
        for wrong in violations(file.section(name), sections[name], name, complete=True):
            raise RunError(f"{file.path}: {wrong}; restore it to search again")


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
