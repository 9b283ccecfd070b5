"""Answers changed one at a time, as long as the training examples get likelier."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from promptsearch.metrics.predictions import Ints
from promptsearch.scoring import AnswerScore
from promptsearch.scoring.label_aggregation import LabelAggregation

if TYPE_CHECKING:
    from torch import Tensor

Columns = tuple[int, ...]  # a label's answers, as columns of a table


class AnswerChange(NamedTuple):
    """What a change leads to."""

    label: int
    column: int
    added: bool  # or dropped
    log_likelihood: float  # of the training examples
    answers: tuple[Columns, ...]  # (label, answer) after it


@dataclass(frozen=True, eq=False)
class GreedyVerbalizer:
    """`table` (example, answer) is log p of each answer, `gold` (example,) the right labels.

    `pool` are the columns that may be added to each label, `keep` is how many of them it may have.
    """

    table: "Tensor"
    gold: Ints
    pool: Sequence[Columns]
    keep: int
    answer_score: AnswerScore

    def steps(self, start: Sequence[Columns]) -> Iterator[AnswerChange]:
        """Every change that is made; the labels take turns until none gets any better."""
        answers, log_likelihood = tuple(start), self.log_likelihood(start)
        moved = True
        while moved:
            moved = False
            for label in range(len(answers)):
                tries = [*self._changes(answers, start[label], label)]
                best = max(tries, key=lambda step: step.log_likelihood, default=None)
                if best is not None and best.log_likelihood > log_likelihood:
                    answers, log_likelihood, moved = best.answers, best.log_likelihood, True
                    yield best

    def log_likelihood(self, answers: Sequence[Columns]) -> float:
        """The mean log p(right label), as the scorer has it."""
        labels = range(len(answers))
        labelling = LabelAggregation(
            tuple(map(str, labels)), tuple(answers), tuple(labels), self.answer_score
        )
        rows = range(len(self.gold))
        return float(labelling.label_log_probs(self.table)[rows, self.gold].mean())

    def _changes(
        self, answers: tuple[Columns, ...], original: Columns, label: int
    ) -> Iterator[AnswerChange]:
        """One answer more, or one less, where no other label has the same ones then."""
        current = answers[label]
        more = self.pool[label] if len(set(current) - set(original)) < self.keep else ()
        changes = [(column, (*current, column)) for column in more if column not in current]
        if len(current) > 1:
            changes += [(column, tuple(c for c in current if c != column)) for column in current]
        for column, new in changes:
            changed = (*answers[:label], new, *answers[label + 1 :])
            if len(set(map(frozenset, changed))) == len(changed):
                log_likelihood = self.log_likelihood(changed)
                yield AnswerChange(label, column, column not in current, log_likelihood, changed)
