"""The options that trainings have in common: their checks, and the settings they come to.

A searcher's fields are None where neither an option nor a recipe says otherwise.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from promptsearch.errors import RunError
from promptsearch.models.training.config import SoftTrainingConfig


def check_training_options(searcher: Any, counts: Sequence[str]) -> None:
    """Raise RunError for options that exclude each other, and for counts below 1."""
    if searcher.template and searcher.prompts:
        raise RunError("`from` and `template` both give a template; leave one out")
    if searcher.steps is not None and searcher.epochs is not None:
        raise RunError("`steps` and `epochs` both say how long to train; leave one out")
    for name in counts:
        if (value := getattr(searcher, name)) is not None and value < 1:
            raise RunError(f"--{name.replace('_', '-')} {value} is too small; give 1 or more")


def chosen_value(
    searcher: Any,
    name: str,
    recipes: Mapping[Any, Mapping[str, object]],
    usual: Mapping[str, object],
) -> Any:
    """Return what an option says, else the searcher's recipe, else what is usual."""
    if (value := getattr(searcher, name)) is not None:
        return value
    recipe = recipes[searcher.recipe] if searcher.recipe else {}
    return recipe.get(name, usual.get(name))


def training_config(
    values: Mapping[str, Any], rounds: int | None, examples: int
) -> SoftTrainingConfig:
    """Return the settings of a training; `rounds` through the examples replace its steps."""
    if rounds is None:
        return SoftTrainingConfig(**values)
    steps = rounds * -(-examples // max(values["batch"], 1))
    return SoftTrainingConfig(**{**values, "steps": steps})
