"""The score that a step's strategy is given: within the step's budget, into the common books."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from promptsearch.engine import ModelCall, On
from promptsearch.engine.strategy import Score
from promptsearch.engine.trial import Trial
from promptsearch.errors import BudgetSpent
from promptsearch.prompt import Prompt
from promptsearch.searchers.joint.history import History

START = "p0"  # what strategies call the prompt that they start from
MANUAL = "manual"  # what a step calls the search's own p0, where it starts elsewhere


class StepBudgetSpent(BaseException):
    """Ends a step from inside its score; the search goes on with the next one."""


@dataclass
class StepScore:
    """Scores for one strategy from one start."""

    inner: Score
    history: History
    start: Trial
    step: str  # such as "2 paraphrase": stands in the evidence
    budget: int | None  # distinct prompts on dev that are new to the whole search
    spent: int = 0

    def __call__(
        self, prompts: Iterable[Prompt], *, on: On = "dev", rows: Sequence[int] | None = None
    ) -> list[Trial]:
        """See `engine.Score`; `StepSpent` where only the step's budget ends."""
        requests = [self._twin(prompt) for prompt in prompts]
        if on == "train":
            return self._reported(self.inner(requests, on=on, rows=rows))
        affordable = requests[: self._affordable(requests)]
        self.spent += len(set(affordable) - self.history.trials.keys())
        trials = self.inner(affordable, on=on, rows=rows)
        self.history.note(trials)
        if len(affordable) < len(requests):
            raise StepBudgetSpent if self.inner.remaining != 0 else BudgetSpent("budget")
        return self._reported(trials)

    def once(self, name: str, prepare: Callable[[], ModelCall]) -> object:
        """See `engine.Score`; names are the step's own."""
        return self.inner.once(f"{self.step} {self.start.id} {name}", prepare)

    @property
    def remaining(self) -> int | None:
        """See `engine.Score`: of the step's budget."""
        return None if self.budget is None else self.budget - self.spent

    def _twin(self, prompt: Prompt) -> Prompt:
        """The prompt with its true ancestry, or the one that stands for it."""
        source = prompt.source
        parents = tuple(map(self._true_id, source.parents)) or (self.start.id,)
        evidence = {**source.evidence, "step": self.step}
        prompt_with_ancestry = replace(
            prompt, source=replace(source, parents=parents, evidence=evidence)
        )
        return self.history.twin(prompt_with_ancestry, source.strategy)

    def _true_id(self, name: str) -> str:
        if name == MANUAL:
            return self.history.manual.id
        return self.start.id if name == START else name

    def _reported(self, trials: Sequence[Trial]) -> list[Trial]:
        """The trials as a strategy may name them: its start is the only one it may call p0."""
        manual = self.history.manual.id
        if self.start.id == manual:
            return list(trials)
        return [replace(t, id=MANUAL) if t.id == manual else t for t in trials]

    def _affordable(self, prompts: Sequence[Prompt]) -> int:
        """How many of the first prompts the step's budget has room for."""
        new: set[Prompt] = set()
        for index, prompt in enumerate(prompts):
            if prompt not in self.history.trials:
                new.add(prompt)
            if self.remaining is not None and len(new) > self.remaining:
                return index
        return len(prompts)
