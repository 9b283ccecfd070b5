"""The default plan: every strategy that suits the task, in shares of the budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptsearch.searchers.joint.cross import CROSS
from promptsearch.searchers.joint.plan import ANSWERS, step_names

LEAST = 8  # prompts of a step; smaller budgets have fewer steps
ENSEMBLE: Mapping[str, object] = {"rule": "uniform", "top": 5}
_FIRST = "answers-prune"  # of the strategies for answers


@dataclass(frozen=True)
class PlanPart:
    """A step, and the weight of its share of the budget."""

    strategy: str
    weight: int

    def step(self, budget: int | None, prompts: int) -> Mapping[str, object]:
        """Return the table of a plan; work on train is in proportion to the number of prompts."""
        table: dict[str, object] = {"strategy": self.strategy}
        if budget is not None:
            table["budget"] = budget
        if self.strategy == "paraphrase":  # several rounds if it takes the rest of the budget
            width = max(1, prompts // 2)
            table |= {"rounds": 5 if budget is None else 2, "width": width, "pool": 4 * width}
        if self.strategy == "gradient":  # every second step is accepted, more or less
            table["iterations"] = max(1, prompts) * 2
        return table


def default_steps(kind: str, corpus: bool, budget: int) -> tuple[Mapping[str, object], ...]:
    """Return templates first, then answers, then both, for a budget beside the manual prompt.

    Budgets are in proportion to the weights; the last step takes all that remains.
    """
    parts = _parts(kind, corpus)
    while len(parts) > 1 and min(_shares(parts, budget)) < LEAST:
        smallest_weight = min(part.weight for part in parts)
        parts.remove([part for part in parts if part.weight == smallest_weight][-1])
    shares = _shares(parts, budget)
    budgets = [*shares[:-1], None]
    return tuple(
        part.step(budget_of_part, prompts)
        for part, budget_of_part, prompts in zip(parts, budgets, shares, strict=True)
    )


def _shares(parts: Sequence[PlanPart], budget: int) -> list[int]:
    whole = sum(part.weight for part in parts)
    return [budget * part.weight // whole for part in parts]


def _parts(kind: str, corpus: bool) -> list[PlanPart]:
    """Return the steps that suit the task, in the order in which they run."""
    mined = [PlanPart("mine", 15)] if corpus else []
    templates = [
        *mined,
        PlanPart("paraphrase", 20),
        PlanPart("generate", 20),
        PlanPart("gradient", 11),
    ]
    again = PlanPart("paraphrase", 10)
    if kind == "facts":
        return [*templates, again]
    answers = [name for name in step_names() if name.startswith(ANSWERS)]
    first = [PlanPart(name, 22) for name in answers if name == _FIRST]
    rest = [PlanPart(name, 5) for name in answers if name != _FIRST]
    return [*templates, *first, *rest, PlanPart(CROSS, 12), again]
