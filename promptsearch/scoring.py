"""The one judge: prompts x examples -> what each prompt says of each example.

Every strategy is scored here and nowhere else. Prompts and examples are flattened into one list of
texts, so that the model can batch across prompts; blocks of log-probabilities are reduced as they
come, so that memory holds a batch, not the whole product.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, log
from typing import TYPE_CHECKING, Literal

import numpy as np

from promptsearch.data import Dataset
from promptsearch.metrics import Floats, Ints, Judgement
from promptsearch.models import LanguageModel, Plan, Scoring
from promptsearch.prompt import Prompt, Verbalizer

if TYPE_CHECKING:
    from torch import Tensor

AnswerScore = Literal["sum", "mean", "max"]


@dataclass(frozen=True)
class Job:
    """Prompts with one verbalizer and the passes that will judge them."""

    prompts: tuple[Prompt, ...]
    plan: Plan


@dataclass(frozen=True)
class _Grouping:
    """Answers to labels: which columns of a block belong to which label.

    `same` leads from a label to the first that the model cannot tell from it (itself, mostly).
    """

    columns: tuple[tuple[int, ...], ...]
    same: tuple[int, ...]
    answer_score: AnswerScore

    @cached_property
    def merged(self) -> list[int]:
        """Labels that count as another one."""
        return [label for label, first in enumerate(self.same) if label != first]

    @cached_property
    def _one_each(self) -> bool:
        return self.columns == tuple((i,) for i in range(len(self.columns)))

    def label_log_probs(self, log_probs: "Tensor") -> "Tensor":
        """log p(label | input), (row, label), from the answers', (row, answer)."""
        if not self._one_each:
            import torch

            scores = [self._score(log_probs[:, list(columns)]) for columns in self.columns]
            log_probs = torch.stack(scores, dim=1)
        if self.merged:
            log_probs[:, self.merged] = -inf
        return log_probs.log_softmax(1)

    def _score(self, log_probs: "Tensor") -> "Tensor":
        if self.answer_score == "max":
            return log_probs.amax(1)
        total = log_probs.logsumexp(1)
        return total - log(log_probs.shape[1]) if self.answer_score == "mean" else total

    def right(self, labels: Sequence[str], examples: Dataset) -> list[list[int]]:
        """For each example the labels that are right, as indices; none where no candidate is."""
        index = {label: self.same[i] for i, label in enumerate(labels)}
        return [sorted({index[t] for t in e.targets if t in index}) for e in examples]


def same_answers(model: LanguageModel, verbalizer: Verbalizer) -> tuple[int, ...]:
    """For each candidate the first one that the model reads alike ("Paris" and "paris")."""
    texts = [answers[0][0][1] for _, answers in verbalizer.pairs]
    first: dict[tuple[int, ...], int] = {}
    return tuple(first.setdefault(ids, i) for i, ids in enumerate(model.answer_ids(texts)))


@dataclass(frozen=True)
class Scorer:
    """Judges prompts with `model`; `answer_score` says how a label's answers become one score.

    For facts the labels are candidates: those that the model reads alike are merged, and only what
    concerns the right ones is kept, since there may be thousands.
    """

    model: LanguageModel
    scoring: Scoring
    answer_score: AnswerScore = "sum"
    facts: bool = False
    _groupings: dict[Verbalizer, _Grouping] = field(default_factory=dict, repr=False, compare=False)

    def plan(self, prompts: Sequence[Prompt], examples: Dataset) -> list[Job]:
        """The passes to run, one job for each distinct verbalizer, in order of appearance."""
        groups: dict[Verbalizer, list[Prompt]] = {}
        for prompt in dict.fromkeys(prompts):
            groups.setdefault(prompt.verbalizer, []).append(prompt)
        return [self._job(tuple(group), examples) for group in groups.values()]

    def _job(self, prompts: tuple[Prompt, ...], examples: Dataset) -> Job:
        texts = [p.template.fill(example.inputs) for p in prompts for example in examples]
        return Job(prompts, self.model.plan(texts, prompts[0].verbalizer.answers, self.scoring))

    def run(self, jobs: Sequence[Job], examples: Dataset) -> dict[Prompt, Judgement]:
        """The judgement of every planned prompt on `examples`, the ones it was planned for."""
        return {p: judged for job in jobs for p, judged in self._judged(job, examples)}

    def judge(self, prompts: Sequence[Prompt], examples: Dataset) -> list[Judgement]:
        """Plan and run in one go; one judgement a prompt, in order."""
        judged = self.run(self.plan(prompts, examples), examples)
        return [judged[prompt] for prompt in prompts]

    def grouping(self, verbalizer: Verbalizer) -> "_Grouping":
        """How the verbalizer's answers become labels for this model."""
        if verbalizer not in self._groupings:
            column = {answer: i for i, answer in enumerate(verbalizer.answers)}
            columns = tuple(tuple(column[a] for a in answers) for _, answers in verbalizer.pairs)
            alike = same_answers(self.model, verbalizer) if self.facts else range(len(columns))
            self._groupings[verbalizer] = _Grouping(columns, tuple(alike), self.answer_score)
        return self._groupings[verbalizer]

    def _judged(self, job: Job, examples: Dataset) -> list[tuple[Prompt, Judgement]]:
        verbalizer = job.prompts[0].verbalizer
        rows = _Rows.empty(len(job.prompts) * len(examples), len(verbalizer), not self.facts)
        grouping = self.grouping(verbalizer)
        right = grouping.right(verbalizer.labels, examples)
        for block in self.model.run(job.plan):
            rows.put(block.rows, grouping.label_log_probs(block.log_probs), right)
        targets = tuple(example.targets for example in examples)
        return [
            (prompt, rows.judgement(i * len(examples), verbalizer.labels, targets))
            for i, prompt in enumerate(job.prompts)
        ]


@dataclass
class _Rows:
    """The texts' results as they come in, axes (text,) and (text, label)."""

    log_right: Floats
    predicted: Ints
    rank: Ints
    log_probs: Floats | None

    @classmethod
    def empty(cls, texts: int, labels: int, keep: bool) -> "_Rows":
        zeros = np.zeros(texts, dtype=np.int64)
        kept = np.empty((texts, labels)) if keep else None
        return cls(np.full(texts, -np.inf), zeros, zeros.copy(), kept)

    def put(self, rows: Sequence[int], log_probs: "Tensor", right: list[list[int]]) -> None:
        values = log_probs.double().numpy()  # (row, label)
        self.predicted[rows] = values.argmax(1)
        if self.log_probs is not None:
            self.log_probs[rows] = values
        for row, value in zip(rows, values, strict=True):
            if labels := right[row % len(right)]:  # texts are prompt-major: all examples a prompt
                self.log_right[row] = min(0.0, float(np.logaddexp.reduce(value[labels])))
                self.rank[row] = _rank(value, labels)

    def judgement(
        self, start: int, labels: tuple[str, ...], targets: tuple[tuple[str, ...], ...]
    ) -> Judgement:
        rows = slice(start, start + len(targets))
        kept = None if self.log_probs is None else self.log_probs[rows]
        results = self.log_right[rows], self.predicted[rows], self.rank[rows]
        return Judgement(labels, targets, *results, kept)


def _rank(values: Floats, right: list[int]) -> int:
    """The place of the best right label, from 1; of equal values the first label comes first."""
    best = max(right, key=lambda i: (values[i], -i))
    return 1 + int((values > values[best]).sum()) + int((values[:best] == values[best]).sum())
