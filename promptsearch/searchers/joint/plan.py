"""What a plan says: its steps, checked one by one, and what each may spend."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptsearch.errors import PromptSearchError, RunError, did_you_mean
from promptsearch.searchers.joint.cross import CROSS, Cross
from promptsearch.searchers.joint.plan_values import fits, frozen, kinds_of, kind_name

if TYPE_CHECKING:
    from promptsearch.engine.strategy import Searcher

SEARCH = "search"  # the joint search itself, which is no step
ANSWERS = "answers"  # what the names of strategies that search answers begin with


@dataclass(frozen=True)
class PlanStep:
    """A strategy, where it starts, and what it may spend."""

    strategy: str
    searcher: "Searcher | Cross"
    starts: int = 1  # so many of the best prompts so far; the strategy runs once from each
    budget: int | None = None  # distinct prompts at most; None: a share of what is left

    @classmethod
    def of(cls, given: Mapping[str, object], place: str) -> "PlanStep":
        """From the table of a plan; `RunError` names the step, the key and the value."""
        strategy = given.get("strategy")
        known = searchers()
        if not isinstance(strategy, str) or strategy not in known:
            near = did_you_mean(str(strategy), list(known))
            raise RunError(
                f"{place}: strategy: there is no {strategy!r}{near}; there are {', '.join(known)}"
            )
        place = f"{place} ({strategy})"
        own = {"budget": _count(given, "budget", place)}
        if strategy != CROSS:  # which starts from all that was found
            own["from"] = _count(given, "from", place)
        options = {k: v for k, v in given.items() if k not in ("strategy", *own)}
        searcher = _built(known[strategy], options, (*own,), place)
        return cls(strategy, searcher, own.get("from") or 1, own["budget"])


@dataclass(frozen=True)
class EnsembleStep:
    """What becomes of the prompts that were found: how they are made one, and how many."""

    rule: str
    top: int

    @classmethod
    def of(cls, given: object, place: str) -> "EnsembleStep":
        """From the table of a plan; `RunError` names the key and the value."""
        if not isinstance(given, Mapping):
            raise RunError(f"{place}: it must be a table [ensemble], not {given!r}")
        _refuse_unknown(given, ("rule", "top"), place)
        rule, top = given.get("rule"), _count(given, "top", place)
        if not isinstance(rule, str) or not rule:
            raise RunError(f"{place}: rule: it must be a string, not {rule!r}")
        if top is None:
            raise RunError(f"{place}: top: it is missing; say how many prompts, such as top = 5")
        return cls(rule, top)


def searchers() -> "Mapping[str, type[Searcher | Cross]]":
    """What a step may be, by name."""
    from promptsearch.searchers import SEARCHERS  # which knows the joint search too

    steps = {name: cls for name, cls in SEARCHERS.items() if name != SEARCH}
    return {**steps, CROSS: Cross}


def share(to_come: Sequence[PlanStep], remaining: int | None) -> int | None:
    """What the first of the steps to come may spend, of so many prompts that are left.

    Its own budget, whatever is left; or, where it has none, an equal share of what those with one
    leave over.
    """
    own = to_come[0].budget
    if own is not None or remaining is None:
        return own
    reserved = sum(step.budget or 0 for step in to_come)
    return -(-max(0, remaining - reserved) // sum(step.budget is None for step in to_come))


def whole(value: object, key: str, place: str) -> int:
    """A count of 1 or more; `RunError` where it is none."""
    if not fits(value, int) or not isinstance(value, int) or value < 1:
        raise RunError(f"{place}: {key}: it must be a whole number of 1 or more, not {value!r}")
    return value


def _count(given: Mapping[str, object], key: str, place: str) -> int | None:
    return whole(given[key], key, place) if key in given else None


def _built(
    cls: "type[Searcher | Cross]", options: Mapping[str, object], own: Sequence[str], place: str
) -> "Searcher | Cross":
    """The strategy with these values in its fields."""
    kinds = kinds_of(cls)
    _refuse_unknown(options, (*kinds, *own), place)
    for key, value in options.items():
        if not fits(value, kinds[key]):
            raise RunError(f"{place}: {key}: it must be {kind_name(kinds[key])}, not {value!r}")
    values: dict[str, Any] = {key: frozen(value) for key, value in options.items()}
    try:
        return cls(**values)
    except PromptSearchError as error:
        raise RunError(f"{place}: {error}") from None


def _refuse_unknown(given: Mapping[str, object], known: Sequence[str], place: str) -> None:
    for key in given:
        if key not in known:
            raise RunError(
                f"{place}: {key}: there is no such key{did_you_mean(key, known)}; "
                f"the keys are {', '.join(sorted(known))}"
            )
