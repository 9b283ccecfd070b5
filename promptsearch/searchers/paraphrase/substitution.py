"""Template words replaced, inserted and deleted, as a masked model expects them.

Each word makes way for a mask, with training examples and their right answers around it; words
that are likelier there than the present one promise most. Haviv, Berant and Globerson (2021),
"BERTese", train a model to rewrite questions for another; here the model itself says which words
it would rather read, and its weights stay as they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import log

from promptsearch.engine import ModelCall
from promptsearch.engine.strategy import Score
from promptsearch.prompt import Filled, Template
from promptsearch.scoring import Cost
from promptsearch.searchers.common.gap_template import GapTemplate
from promptsearch.searchers.common.interleave import interleave
from promptsearch.searchers.common.ledger_calls import ledgered
from promptsearch.searchers.common.training_contexts import TrainingContext
from promptsearch.searchers.common.word_scorer import WORD_SLOT, WordScorer
from promptsearch.searchers.paraphrase.proposal import Parent, Proposal
from promptsearch.searchers.paraphrase.template_words import TemplateWords

Row = tuple[str, str, str, str, float]  # template, edit, from, to, log p or its gain, in nats


@dataclass
class Substitution:
    """Edits of single words by a masked model; a run pays its passes once."""

    word_scorer: WordScorer
    contexts: Sequence[TrainingContext]
    score: Score
    fills: int  # words a position
    spaced: bool

    def neighbours(self, parents: Sequence[Parent]) -> Iterator[list[Proposal]]:
        for parent in parents:
            model, notation = self.word_scorer.model.info.sha256, str(parent.template)
            inputs = (model, notation, self.fills, self.contexts)
            prepare = partial(self._model_call, parent.template)
            rows: list[Row] = ledgered(self.score, "substitute", prepare, inputs)
            yield [_proposal(row, parent) for row in rows]

    def _model_call(self, template: Template) -> ModelCall:
        """Return the call that gives the rows of edits."""
        spans = WordSpans(TemplateWords.of(template, self.spaced))
        texts = [text for query in spans.queries for text in self._texts(query)]
        plan = self.word_scorer.plan(texts)

        def run() -> list[Row]:
            table = self.word_scorer.mean_log_probs(plan, len(self.contexts))
            values, columns = table.topk(min(self.fills, table.shape[1]))
            rows = zip(values.tolist(), columns.tolist(), strict=True)
            vocabulary = self.word_scorer.words
            best = [[(vocabulary[c], v) for v, c in zip(*row, strict=True)] for row in rows]
            word_columns = [
                self.word_scorer.column_of_ids.get(ids) for ids in self._ids(spans.words)
            ]
            unknown = -log(len(vocabulary))  # of a word that is no single token: as if by chance
            now = [unknown if c is None else float(table[n, c]) for n, c in enumerate(word_columns)]
            return [row for row in spans.edits(best, now) if self._differs(row)]

        return ModelCall(Cost.of(plan), run)

    def _ids(self, words: Sequence[str]) -> Sequence[tuple[int, ...]]:
        """Return the tokens of each word as the model reads it."""
        return self.word_scorer.model.answer_ids(words) if words else []

    def _differs(self, row: Row) -> bool:
        """Return whether the model can tell the new word from the old one."""
        _, edit, old, new, _ = row
        if edit != "replace":
            return True
        old_ids, new_ids = self._ids([old, new])
        return old_ids != new_ids

    def _texts(self, words: TemplateWords) -> list[Filled]:
        """Return the template for every training context, its right answer in the slots."""
        gap_template = GapTemplate(words.parts)
        return [context.fill(gap_template, ()) for context in self.contexts]


@dataclass(frozen=True)
class WordSpans:
    """The positions where words may change: at each word, and between any two pieces."""

    template: TemplateWords

    @property
    def spans(self) -> list[tuple[int, int]]:
        """The span of each word."""
        return list(self.template.spans(1))

    @property
    def words(self) -> list[str]:
        """The word in each span."""
        return [self.template.text(*span) for span in self.spans]

    @property
    def gaps(self) -> range:
        """Positions between the pieces, and at both ends."""
        return range(len(self.template.pieces) + 1)

    @property
    def queries(self) -> list[TemplateWords]:
        """The template with a slot to be scored, at each word and then in each gap."""
        words = [self.template.replaced(*span, WORD_SLOT) for span in self.spans]
        return words + [self.template.inserted(at, WORD_SLOT) for at in self.gaps]

    def edits(self, best: Sequence[Sequence[tuple[str, float]]], now: Sequence[float]) -> list[Row]:
        """Return the three kinds in turn, those that promise most first.

        `best` are words with log p, by position; `now` is log p of each present word.
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
            old = self.template.text(*span)
            for word, value in words:
                if word != old:
                    new = self.template.replaced(*span, word)
                    rows += _row(new, "replace", old, word, value - current)
        return rows

    def _inserted(self, best: Sequence[Sequence[tuple[str, float]]]) -> list[Row]:
        rows = []
        for at, words in zip(self.gaps, best, strict=True):
            for word, value in words:
                rows += _row(self.template.inserted(at, word), "insert", "", word, value)
        return rows

    def _deleted(self, now: Sequence[float]) -> list[Row]:
        """Return deletions, first of the words that are most expected: they say least."""
        rows = []
        for span, current in zip(self.spans, now, strict=True):
            old = self.template.text(*span)
            rows += _row(self.template.replaced(*span, ""), "delete", old, "", current)
        return rows


def _row(words: TemplateWords, edit: str, old: str, new: str, value: float) -> list[Row]:
    """Return the row, or nothing if no notation says its template."""
    return [(str(words.template), edit, old, new, value)] if words.template else []


def _proposal(row: Row, parent: Parent) -> Proposal:
    notation, edit, old, new, value = row
    evidence = {"method": "substitute", "edit": edit, "from": old, "to": new, "nats": value}
    return Proposal(Template.parse(notation), parent, evidence)
