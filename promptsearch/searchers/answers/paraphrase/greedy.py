"""Greedy search: answers change one at a time, as long as the training examples get likelier."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from promptsearch.metrics.predictions import Ints
from promptsearch.scoring import AnswerScore
from promptsearch.scoring.label_aggregation import LabelAggregation

if TYPE_CHECKING:
    from torch import Tensor

Columns = tuple[int, ...]  # a label's answers, as columns of a table


class GreedyStep(NamedTuple):
    """A change of one answer, and the verbalizer after it."""

    label: int
    column: int
    added: bool  # or dropped
    log_likelihood: float  # of the training examples
    answers: tuple[Columns, ...]  # (label, answer) after it


@dataclass(frozen=True, eq=False)
class GreedyVerbalizer:
    """Greedy search for answers that make the training examples likelier.

    `table` (example, answer) is log p of each answer, `gold` (example,) the right labels. `pool`
    are the columns that may be added to each label, `keep` the number that it may have of them.
    """

    table: "Tensor"
    gold: Ints
    pool: Sequence[Columns]
    keep: int
    answer_score: AnswerScore

    def steps(self, start: Sequence[Columns]) -> Iterator[GreedyStep]:
        """Yield every change for the better; the labels take turns until none gets better."""
        answers, log_likelihood = tuple(start), self.log_likelihood(start)
        moved = True
        while moved:
            moved = False
            for label in range(len(answers)):
                candidates = [*self._candidates(answers, start[label], label)]
                best = max(candidates, key=lambda step: step.log_likelihood, default=None)
                if best is not None and best.log_likelihood > log_likelihood:
                    answers, log_likelihood, moved = best.answers, best.log_likelihood, True
                    yield best

    def log_likelihood(self, answers: Sequence[Columns]) -> float:
        """Return the mean log p(right label), computed as the scorer does."""
        labels = range(len(answers))
        aggregation = LabelAggregation(
            tuple(map(str, labels)), tuple(answers), tuple(labels), self.answer_score
        )
        rows = range(len(self.gold))
        return float(aggregation.label_log_probs(self.table)[rows, self.gold].mean())

    def _candidates(
        self, answers: tuple[Columns, ...], original: Columns, label: int
    ) -> Iterator[GreedyStep]:
        """Yield changes by one answer more or less that leave no two labels with equal answers."""
        current = answers[label]
        more = self.pool[label] if len(set(current) - set(original)) < self.keep else ()
        changes = [(column, (*current, column)) for column in more if column not in current]
        if len(current) > 1:
            changes += [(column, tuple(c for c in current if c != column)) for column in current]
        for column, new in changes:
            changed = (*answers[:label], new, *answers[label + 1 :])
            if len(set(map(frozenset, changed))) == len(changed):
                log_likelihood = self.log_likelihood(changed)
                yield GreedyStep(label, column, column not in current, log_likelihood, changed)
