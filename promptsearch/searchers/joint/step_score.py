"""The score of a step's strategy: within the step's budget, into the history of all steps."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from promptsearch.engine import ModelCall, On
from promptsearch.engine.budget import affordable_first
from promptsearch.engine.gain import Gain
from promptsearch.engine.strategy import Score
from promptsearch.engine.trial import Trial
from promptsearch.errors import BudgetSpent
from promptsearch.prompt import Prompt
from promptsearch.searchers.joint.history import History

START = "p0"  # the id of their start, to all strategies
MANUAL = "manual"  # the p0 of the whole search, to a step that starts elsewhere


class StepBudgetSpent(BaseException):
    """Ends a step from inside its score; the search goes on with the next one."""


@dataclass
class StepScore:
    """Scores for one strategy from one start."""

    inner: Score
    history: History
    start: Trial
    step: str  # such as "2 paraphrase", in the evidence
    budget: int | None  # distinct prompts on dev that are new to the whole search
    spent: int = 0

    def __call__(
        self, prompts: Iterable[Prompt], *, on: On = "dev", rows: Sequence[int] | None = None
    ) -> list[Trial]:
        """Score prompts as `engine.Score` does; StepBudgetSpent if only the step's budget ends."""
        requests = [self._canonical(prompt) for prompt in prompts]
        if on == "train":
            return self._reported(self.inner(requests, on=on, rows=rows))
        known = self.history.trials
        affordable = requests[: affordable_first(requests, known, self.remaining)]
        self.spent += len(set(affordable) - known.keys())
        trials = self.inner(affordable, on=on, rows=rows)
        self.history.note(trials)
        if len(affordable) < len(requests):
            raise StepBudgetSpent if self.inner.remaining != 0 else BudgetSpent("budget")
        return self._reported(trials)

    def once(self, name: str, prepare: Callable[[], ModelCall]) -> object:
        """Make a model call once, as `engine.Score` does; its key begins with the step."""
        return self.inner.once(f"{self.step} {self.start.id} {name}", prepare)

    def gain(self, ours: Sequence[Prompt], theirs: Sequence[Prompt]) -> Gain:
        """See `engine.Score`."""
        return self.inner.gain(ours, theirs)

    @property
    def remaining(self) -> int | None:
        """Distinct prompts that the step's budget has room for; None: as many as there are."""
        return None if self.budget is None else self.budget - self.spent

    def _canonical(self, prompt: Prompt) -> Prompt:
        """Return the prompt with its true parents, or the one that reads alike and replaces it."""
        source = prompt.source
        parents = tuple(map(self._true_id, source.parents)) or (self.start.id,)
        evidence = {**source.evidence, "step": self.step}
        prompt_with_ancestry = replace(
            prompt, source=replace(source, parents=parents, evidence=evidence)
        )
        return self.history.canonical(prompt_with_ancestry, source.strategy)

    def _true_id(self, name: str) -> str:
        if name == MANUAL:
            return self.history.manual.id
        return self.start.id if name == START else name

    def _reported(self, trials: Sequence[Trial]) -> list[Trial]:
        """Return the trials with ids for the strategy: only its start may be p0."""
        manual = self.history.manual.id
        if self.start.id == manual:
            return list(trials)
        return [replace(t, id=MANUAL) if t.id == manual else t for t in trials]
