"""The plan of a newcomer: every strategy that suits the task, in shares of the budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptsearch.searchers.joint.cross import CROSS
from promptsearch.searchers.joint.plan import ANSWERS, searchers

LEAST = 8  # prompts that a step is worth having for; smaller budgets have fewer steps
ENSEMBLE: Mapping[str, object] = {"rule": "uniform", "top": 5}
_FIRST = "answers-prune"  # of the strategies for answers


@dataclass(frozen=True)
class PlanPart:
    """A step, and its share of the budget beside the others'."""

    strategy: str
    weight: int

    def step(self, budget: int | None, about: int) -> Mapping[str, object]:
        """As a plan says it; what is asked on train keeps in proportion to its `about` prompts."""
        table: dict[str, object] = {"strategy": self.strategy}
        if budget is not None:
            table["budget"] = budget
        if self.strategy == "paraphrase":  # several rounds; who takes what is left, as many as fit
            width = max(1, about // 2)
            table |= {"rounds": 5 if budget is None else 2, "width": width, "pool": 4 * width}
        if self.strategy == "gradient":  # about every other step is accepted
            table["iterations"] = max(1, about) * 2
        return table


def default_steps(kind: str, corpus: bool, budget: int) -> tuple[Mapping[str, object], ...]:
    """Templates first, then answers, then both together, for a budget beside the manual prompt.

    Budgets are in proportion to the weights; the last step takes what is left, and so what others
    leave over.
    """
    parts = _parts(kind, corpus)
    while len(parts) > 1 and min(_shares(parts, budget)) < LEAST:
        least = min(part.weight for part in parts)
        parts.remove([part for part in parts if part.weight == least][-1])
    shares = _shares(parts, budget)
    budgets = [*shares[:-1], None]
    return tuple(
        part.step(budget_of_part, about)
        for part, budget_of_part, about in zip(parts, budgets, shares, strict=True)
    )


def _shares(parts: Sequence[PlanPart], budget: int) -> list[int]:
    whole = sum(part.weight for part in parts)
    return [budget * part.weight // whole for part in parts]


def _parts(kind: str, corpus: bool) -> list[PlanPart]:
    """All that suit the task, in the order in which they run."""
    known = searchers()
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
    answers = [name for name in known if name.startswith(ANSWERS)]
    first = [PlanPart(name, 22) for name in answers if name == _FIRST]
    others = [PlanPart(name, 5) for name in answers if name != _FIRST]
    return [*templates, *first, *others, PlanPart(CROSS, 12), again]
