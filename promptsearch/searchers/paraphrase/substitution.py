"""Template words replaced, inserted and deleted, as a masked model expects them.

Each word makes way for a mask, with training examples and their right answers around it; words
that are likelier there than what stood there promise most. Haviv, Berant and Globerson (2021),
"BERTese", train a model to rewrite questions for another; here the model itself says which words
it would rather read, and its weights stay as they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import log
from typing import cast

from promptsearch.engine import ModelCall
from promptsearch.engine.ledger import digest
from promptsearch.engine.strategy import Score
from promptsearch.prompt import Filled, Template
from promptsearch.scoring import Cost
from promptsearch.searchers.common.gap_template import GapTemplate
from promptsearch.searchers.common.interleave import interleave
from promptsearch.searchers.common.training_contexts import TrainingContext
from promptsearch.searchers.common.word_scorer import WORD_SLOT, WordScorer
from promptsearch.searchers.paraphrase.proposal import Parent, Proposal
from promptsearch.searchers.paraphrase.template_words import TemplateWords

Row = tuple[str, str, str, str, float]  # template, edit, from, to, log p or its gain, in nats


@dataclass
class Substitution:
    """Edits by a masked model; its passes are paid once, and kept in the ledger."""

    asker: WordScorer
    instances: Sequence[TrainingContext]
    score: Score
    fills: int  # words a place
    spaced: bool

    def neighbours(self, parents: Sequence[Parent]) -> Iterator[list[Proposal]]:
        for parent in parents:
            about = (self.asker.model.info.sha256, str(parent.template), self.fills, self.instances)
            name = f"substitute {digest(about)}"
            rows = self.score.once(name, partial(self._chore, parent.template))
            yield [_proposal(row, parent) for row in cast(list[Row], rows)]

    def _chore(self, template: Template) -> ModelCall:
        """Rows of what may be said instead."""
        spans = WordSpans(TemplateWords.of(template, self.spaced))
        texts = [text for wording in spans.queries for text in self._texts(wording)]
        plan = self.asker.plan(texts)

        def work() -> list[Row]:
            table = self.asker.mean_log_probs(plan, len(self.instances))
            values, columns = table.topk(min(self.fills, table.shape[1]))
            rows = zip(values.tolist(), columns.tolist(), strict=True)
            words = self.asker.words
            best = [[(words[c], v) for v, c in zip(*row, strict=True)] for row in rows]
            word_columns = [self.asker.column_of_ids.get(ids) for ids in self._ids(spans.words)]
            unknown = -log(len(words))  # of a word that is no single token: as if by chance
            now = [unknown if c is None else float(table[n, c]) for n, c in enumerate(word_columns)]
            return [row for row in spans.edits(best, now) if self._differs(row)]

        return ModelCall(Cost.of(plan), work)

    def _ids(self, words: Sequence[str]) -> Sequence[tuple[int, ...]]:
        """As the model reads each."""
        return self.asker.model.answer_ids(words) if words else []

    def _differs(self, row: Row) -> bool:
        """Whether the model can tell the new word from the old one."""
        _, edit, old, new, _ = row
        if edit != "replace":
            return True
        old_ids, new_ids = self._ids([old, new])
        return old_ids != new_ids

    def _texts(self, wording: TemplateWords) -> list[Filled]:
        """The wording around every instance, its right answer in the slots."""
        frame = GapTemplate(wording.parts)
        return [instance.fill(frame, ()) for instance in self.instances]


@dataclass(frozen=True)
class WordSpans:
    """Where words may change: at each word, and between any two pieces."""

    wording: TemplateWords

    @property
    def spans(self) -> list[tuple[int, int]]:
        """The words."""
        return list(self.wording.spans(1))

    @property
    def words(self) -> list[str]:
        """What stands there."""
        return [self.wording.text(*span) for span in self.spans]

    @property
    def gaps(self) -> range:
        """Between the pieces, and at both ends."""
        return range(len(self.wording.pieces) + 1)

    @property
    def queries(self) -> list[TemplateWords]:
        """The wording with the slot that is asked, at each word and then in each gap."""
        words = [self.wording.replaced(*span, WORD_SLOT) for span in self.spans]
        return words + [self.wording.inserted(at, WORD_SLOT) for at in self.gaps]

    def edits(self, best: Sequence[Sequence[tuple[str, float]]], now: Sequence[float]) -> list[Row]:
        """The three kinds in turn, those that promise most first.

        `best` are words with log p, by place; `now` is log p of the word that stands there.
        """
        count = len(self.spans)
        kinds = (
            self._replaced(best[:count], now),
            self._inserted(best[count:]),
            self._deleted(now),
        )
        return list(interleave(sorted(kind, key=lambda row: -row[4]) for kind in kinds))

    def _replaced(
        self, best: Sequence[Sequence[tuple[str, float]]], now: Sequence[float]
    ) -> list[Row]:
        rows = []
        for span, words, current in zip(self.spans, best, now, strict=True):
            old = self.wording.text(*span)
            for word, value in words:
                if word != old:
                    new = self.wording.replaced(*span, word)
                    rows += _row(new, "replace", old, word, value - current)
        return rows

    def _inserted(self, best: Sequence[Sequence[tuple[str, float]]]) -> list[Row]:
        rows = []
        for at, words in zip(self.gaps, best, strict=True):
            for word, value in words:
                rows += _row(self.wording.inserted(at, word), "insert", "", word, value)
        return rows

    def _deleted(self, now: Sequence[float]) -> list[Row]:
        """What is most expected says least."""
        rows = []
        for span, current in zip(self.spans, now, strict=True):
            old = self.wording.text(*span)
            rows += _row(self.wording.replaced(*span, ""), "delete", old, "", current)
        return rows


def _row(wording: TemplateWords, edit: str, old: str, new: str, value: float) -> list[Row]:
    """The row, where the notation can say it."""
    return [(str(wording.template), edit, old, new, value)] if wording.template else []


def _proposal(row: Row, parent: Parent) -> Proposal:
    notation, edit, old, new, value = row
    evidence = {"method": "substitute", "edit": edit, "from": old, "to": new, "nats": value}
    return Proposal(Template.parse(notation), parent, evidence)
