"""The default plan: every strategy that suits the task, in shares of the budget."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptsearch.data import TaskKind
from promptsearch.searchers.joint.cross import CROSS
from promptsearch.searchers.joint.plan import ANSWERS, step_names

LEAST = 8  # prompts of a step; smaller budgets have fewer steps
ENSEMBLE: Mapping[str, object] = {"rule": "mean", "top": 10, "per_step": 5}
_ANSWERS = {"answers-prune": 24, "answers-likelihood-ratio": 8, "answers-probe": 8}  # weights
_OTHER_ANSWERS = 4
_LEAST_GAIN = 1.0  # in standard errors; a template step that gains no more is the last one
_STARTS = 2  # unlike prompts that paraphrases begin with
_GENERATED = 16  # training examples that templates are written from: their time is in proportion


@dataclass(frozen=True)
class PlanPart:
    """A step, and the weight of its share of the budget."""

    strategy: str
    weight: int
    starts: int = 1

    def step(self, budget: int | None, prompts: int) -> Mapping[str, object]:
        """Return the table of a plan; work on train is in proportion to the number of prompts."""
        table: dict[str, object] = {"strategy": self.strategy}
        if budget is not None:
            table["budget"] = budget
        if self.strategy in ("paraphrase", "generate"):
            table["least_gain"] = _LEAST_GAIN
        if self.strategy == "paraphrase":
            width = max(1, prompts // (2 * self.starts))
            table |= {"from": self.starts, "rounds": 2, "width": width, "pool": 4 * width}
        if self.strategy == "generate":
            table |= {"beam": max(1, prompts), "examples": _GENERATED}
        return table


def default_steps(kind: TaskKind, corpus: bool, budget: int) -> tuple[Mapping[str, object], ...]:
    """Return answers first, then templates, then both, for a budget beside the manual prompt.

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


def _parts(kind: TaskKind, corpus: bool) -> list[PlanPart]:
    """Return the steps that suit the task, in the order in which they run.

    Answers come first: many verbalizers of one template pass the model together, and gain most.
    """
    mined = [PlanPart("mine", 15)] if corpus else []
    if not kind.has_labels or kind.label_sets:
        parts = PlanPart("paraphrase", 20), PlanPart("generate", 16)
        return [*mined, *parts, PlanPart("paraphrase", 16, _STARTS)]
    names = [name for name in step_names() if name.startswith(ANSWERS)]
    names.sort(key=lambda name: -_ANSWERS.get(name, _OTHER_ANSWERS))
    answers = [PlanPart(name, _ANSWERS.get(name, _OTHER_ANSWERS)) for name in names]
    templates = [*mined, PlanPart("paraphrase", 16, _STARTS), PlanPart("generate", 12)]
    return [*answers, *templates, PlanPart(CROSS, 12)]
