"""Between the search and the scorer: prompts in, metrics out, and what it costs beforehand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from promptsearch.data import Dataset
from promptsearch.metrics import Scores, scores_of
from promptsearch.prompt import Prompt
from promptsearch.scoring import Job, Scorer


@dataclass(frozen=True)
class Work:
    """Prompts with the passes that will judge them: what it costs is known before it is run."""

    prompts: tuple[Prompt, ...]
    examples: Dataset
    jobs: tuple[Job, ...] = ()

    @property
    def forwards(self) -> int:
        """Sequences that pass through the model."""
        return sum(job.plan.forwards for job in self.jobs)

    @property
    def tokens(self) -> int:
        """Tokens in these sequences, padding left out."""
        return sum(job.plan.tokens for job in self.jobs)

    @property
    def peak_bytes(self) -> int:
        """An upper estimate of the memory a batch takes beside the weights."""
        return max((job.plan.peak_bytes for job in self.jobs), default=0)


class Judge(Protocol):
    """What a search needs of the scorer: how many examples, what it costs, the scores."""

    def count(self, on: str) -> int: ...

    def plan(self, prompts: Sequence[Prompt], on: str, rows: Sequence[int] | None) -> Work: ...

    def scores(self, work: Work) -> list[Scores]: ...


@dataclass(frozen=True)
class SplitJudge:
    """The scorer over named splits: prompts in, metrics out."""

    scorer: Scorer
    splits: Mapping[str, Dataset]
    kind: str
    negative_label: str | None = None

    def count(self, on: str) -> int:
        """How many examples the split has."""
        return len(self.splits[on])

    def plan(self, prompts: Sequence[Prompt], on: str, rows: Sequence[int] | None) -> Work:
        """The passes to judge the prompts on the split, or on the chosen rows of it."""
        split = self.splits[on]
        examples = split if rows is None else [split[i] for i in rows]
        return Work(tuple(prompts), examples, tuple(self.scorer.plan(prompts, examples)))

    def scores(self, work: Work) -> list[Scores]:
        """The metrics of the task's kind, one mapping a prompt, in order."""
        judged = self.scorer.run(work.jobs, work.examples)
        return [scores_of(judged[p], self.kind, self.negative_label) for p in work.prompts]
