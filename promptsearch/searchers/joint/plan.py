"""The steps of a plan, checked one by one, and what each may spend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import inf
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, cast, get_args, get_origin, get_type_hints

from promptsearch.engine.expectation import EnsembleRule
from promptsearch.errors import PromptSearchError, RunError, did_you_mean
from promptsearch.scoring.combination import RULES, Rule
from promptsearch.searchers.joint.cross import CROSS, Cross
from promptsearch.searchers.strategies import SEARCHERS

if TYPE_CHECKING:
    from promptsearch.engine.strategy import Searcher

_TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}
SEARCH = "search"  # the joint search itself, which is no step
ANSWERS = "answers"  # begins the names of strategies that search answers


@dataclass(frozen=True)
class PlanStep:
    """A strategy, where it starts, and what it may spend."""

    strategy: str
    searcher: "Searcher | Cross"
    starts: int = 1  # the strategy runs once from each of so many best prompts
    budget: int | None = None  # distinct prompts at most; None: a share of the rest
    least_gain: float | None = None  # in standard errors; a step that gains no more is the last one

    @classmethod
    def of(cls, table: Mapping[str, object], location: str) -> "PlanStep":
        """Return the step of a plan's table; `RunError` names the step, the key and the value."""
        strategy, names = table.get("strategy"), step_names()
        if not isinstance(strategy, str) or strategy not in names:
            near = did_you_mean(str(strategy), names)
            raise RunError(
                f"{location}: strategy: there is no {strategy!r}{near}; "
                f"there are {', '.join(names)}"
            )
        location = f"{location} ({strategy})"
        counts = {"budget": _count(table, "budget", location)}
        if strategy != CROSS:  # which starts from all trials
            counts["from"] = _count(table, "from", location)
        keys = (*counts, "least_gain")
        options = {k: v for k, v in table.items() if k not in ("strategy", *keys)}
        searcher_type = Cross if strategy == CROSS else SEARCHERS[strategy]
        searcher = build_strategy(searcher_type, options, keys, location)
        least_gain = _number(table, "least_gain", location)
        return cls(strategy, searcher, counts.get("from") or 1, counts["budget"], least_gain)


def ensemble_rule(table: object, location: str) -> EnsembleRule:
    """Return the ensemble of a plan's table; `RunError` names the key and the value."""
    if not isinstance(table, Mapping):
        raise RunError(f"{location}: it must be a table [ensemble], not {table!r}")
    _refuse_unknown(table, ("rule", "top", "per_step"), location)
    rule, top = table.get("rule"), _count(table, "top", location)
    if rule not in RULES:
        said = "it is missing" if rule is None else f"there is no rule {rule!r}"
        raise RunError(f"{location}: rule: {said}; it is one of {', '.join(RULES)}")
    if top is None:
        raise RunError(f"{location}: top: it is missing; say how many prompts, such as top = 5")
    return EnsembleRule(cast(Rule, rule), top, _count(table, "per_step", location))


def step_names() -> list[str]:
    """Return the strategies that a step may have: all but the joint search, and `cross`."""
    return [*(name for name in SEARCHERS if name != SEARCH), CROSS]


def share(to_come: Sequence[PlanStep], remaining: int | None) -> int | None:
    """Return the prompts that the first of these steps may spend, of so many that remain.

    It is the step's budget, however many remain; or, without one, an equal share of what the steps
    with a budget leave over.
    """
    budget = to_come[0].budget
    if budget is not None or remaining is None:
        return budget
    reserved = sum(step.budget or 0 for step in to_come)
    return -(-max(0, remaining - reserved) // sum(step.budget is None for step in to_come))


def whole(value: object, key: str, location: str) -> int:
    """Return a count of 1 or more; raise RunError if the value is none."""
    if not _fits(value, int) or not isinstance(value, int) or value < 1:
        raise RunError(f"{location}: {key}: it must be a whole number of 1 or more, not {value!r}")
    return value


def _count(table: Mapping[str, object], key: str, location: str) -> int | None:
    return whole(table[key], key, location) if key in table else None


def _number(table: Mapping[str, object], key: str, location: str) -> float | None:
    """Return a number of 0 or more, or None where the key is missing."""
    value = table.get(key)
    if key in table and not (_fits(value, float) and 0 <= cast(float, value) < inf):
        raise RunError(f"{location}: {key}: it must be a number of 0 or more, not {value!r}")
    return cast(float | None, value)


def build_strategy(
    cls: "type[Searcher | Cross]",
    options: Mapping[str, object],
    step_keys: Sequence[str],
    location: str,
) -> "Searcher | Cross":
    """Return the strategy with these values in its fields; `step_keys` are a step's own.

    Raises RunError that begins with `location` if a value is none of its field's type.
    """
    types = _field_types(cls)
    _refuse_unknown(options, (*types, *step_keys), location)
    for key, value in options.items():
        if not _fits(value, types[key]):
            raise RunError(f"{location}: {key}: it must be {_type_name(types[key])}, not {value!r}")
    values: dict[str, Any] = {key: _frozen(value) for key, value in options.items()}
    try:
        return cls(**values)
    except PromptSearchError as error:
        raise RunError(f"{location}: {error}") from None


def _refuse_unknown(table: Mapping[str, object], names: Sequence[str], location: str) -> None:
    for key in table:
        if key not in names:
            raise RunError(
                f"{location}: {key}: there is no such key{did_you_mean(key, names)}; "
                f"the keys are {', '.join(sorted(names))}"
            )


def _field_types(searcher: type) -> dict[str, Any]:
    """Return the type of each field of a strategy."""
    hints = get_type_hints(searcher)  # without what `Annotated` adds
    return {field.name: hints[field.name] for field in fields(searcher)}


def _fits(value: object, field_type: Any) -> bool:
    """Return whether a value, as TOML or JSON has it, is of a field's type."""
    if get_origin(field_type) is Literal:
        return value in get_args(field_type)
    if get_origin(field_type) is tuple:  # tuple[X, ...]
        listed = isinstance(value, list | tuple)
        return listed and all(_fits(each, get_args(field_type)[0]) for each in value)  # type: ignore[attr-defined]
    if get_origin(field_type) is Mapping:
        return isinstance(value, Mapping)
    if parts := get_args(field_type):  # X | None
        return any(_fits(value, part) for part in parts)
    if field_type is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is field_type


def _type_name(field_type: Any) -> str:
    """Return a field's type in words."""
    if get_origin(field_type) is Literal:
        return "one of " + ", ".join(map(repr, get_args(field_type)))
    if get_origin(field_type) is tuple:
        return f"a list, each of its values {_type_name(get_args(field_type)[0])}"
    if get_origin(field_type) is Mapping:
        return "a table"
    if parts := get_args(field_type):
        return " or ".join(_type_name(part) for part in parts if part is not NoneType)
    return _TYPE_NAMES.get(field_type, str(field_type))


def _frozen(value: object) -> object:
    """Return a list as the tuple that a field holds, and any other value as it is."""
    return tuple(value) if isinstance(value, list) else value
