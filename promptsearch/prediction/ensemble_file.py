"""The ensemble of a prompts.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from promptsearch.data import TaskDefinition, TaskSchema
from promptsearch.errors import DataError, PromptError
from promptsearch.prediction.ensemble import (
    Ensemble,
    Member,
)
from promptsearch.prediction.text_predictor import TEXT_RULES
from promptsearch.prompt import Prompt
from promptsearch.prompt_file.prompts_json import PromptFile, aligned
from promptsearch.scoring.combination import Rule

HEAVIEST = 1e6  # of a member's weight; larger ones overflow


def read_ensemble(file: PromptFile, definition: TaskDefinition | TaskSchema) -> Ensemble | None:
    """Return the ensemble of a file, if it has one. Raises DataError if it is invalid."""
    if file.document.get("ensemble") and definition.kind.label_sets:
        message = "several labels at once have no ensemble; take its section out"
        raise DataError.at(file.path, None, message)
    if definition.kind.free_texts:
        _check_text_rule(file)
    return ensemble_of(file, {s.id: aligned(s, definition).prompt for s in file.prompts})


def _check_text_rule(file: PromptFile) -> None:
    """Raise DataError if the file has an ensemble that writes no texts."""
    rule = file.section("ensemble").get("rule", "uniform")
    if rule not in TEXT_RULES:
        message = f"its ensemble: texts are written by the rules {', '.join(TEXT_RULES)}"
        raise DataError.at(file.path, None, f"{message}, not {rule!r}")


def ensemble_of(file: PromptFile, prompts: Mapping[str, Prompt]) -> Ensemble | None:
    """Return the ensemble of a file, if it has one, from prompts by their ids.

    The prompts have one order of labels. Raises DataError if the ensemble is invalid.
    """
    section = file.document.get("ensemble")
    if section is None:
        return None
    try:
        return _read(section, prompts)
    except PromptError as error:
        raise DataError.at(file.path, None, f"its ensemble: {error}") from None


def _read(section: object, prompts: Mapping[str, Prompt]) -> Ensemble:
    match section:
        case {"rule": str(rule), "members": [*rows]} if rows:
            return Ensemble(cast(Rule, rule), tuple(_member(row, prompts) for row in rows))
    raise PromptError('it must have a "rule" and "members"')


def _member(row: object, prompts: Mapping[str, Prompt]) -> Member:
    match row:
        case {"id": str(name), "weight": int() | float() as weight} if name in prompts:
            if not abs(weight) <= HEAVIEST:
                raise PromptError(f"its member {name!r} has the weight {weight}; give about 1")
            return Member(name, prompts[name], float(weight))
        case {"id": str(name)} if name not in prompts:
            raise PromptError(f"its member {name!r} is none of the prompts")
    raise PromptError(f'a member is {row!r}; write {{"id": "p1", "weight": 1.0}}')


def files_beside(file: PromptFile) -> list[Path]:
    """Return the files of candidates and of vectors that the prompts name, beside them."""
    named = [saved.row.get(key) for saved in file.prompts for key in ("candidates", "soft")]
    names = [str(entry["file"]) for entry in named if isinstance(entry, Mapping)]
    return [file.path.parent / name for name in dict.fromkeys(names)]
