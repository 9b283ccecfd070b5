"""Entity F1 of tagged sentences, micro-averaged over all spans: the score of CoNLL's shared tasks.

A predicted span is right where a gold span has the same words and the same type.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from promptsearch.errors import DataError
from promptsearch.language.spans import Scheme, Span, spans_of
from promptsearch.metrics.f1 import ratio_shares
from promptsearch.metrics.predictions import Floats, Ints

Tags = Sequence[Sequence[str]]  # a tag for each word of each sentence


@dataclass(frozen=True)
class EntityScores:
    """Numbers of spans, and their ratios in [0, 1]; a ratio of nothing is 0, as in seqeval."""

    right: int
    predicted: int
    gold: int

    @classmethod
    def of_counts(cls, counts: Ints) -> "EntityScores":
        """Return the scores of sentences together; `counts` is (sentence, 3) of `entity_counts`."""
        right, predicted, gold = counts.reshape(-1, 3).sum(axis=0).tolist()
        return cls(right, predicted, gold)

    @property
    def precision(self) -> float:
        return self.right / self.predicted if self.predicted else 0.0

    @property
    def recall(self) -> float:
        return self.right / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        total = self.predicted + self.gold
        return 2 * self.right / total if total else 0.0


def entity_scores(
    gold: Tags, predicted: Tags, scheme: Scheme = "IOB2", *, strict: bool = True
) -> EntityScores:
    """Return micro precision, recall and F1 over the spans of all sentences.

    As seqeval's `classification_report(mode="strict", scheme=IOB2)`; where not `strict`, as
    its default and as conlleval.pl. Raises DataError if a sentence has a tag too few or too many.
    """
    return EntityScores.of_counts(entity_counts(gold, predicted, scheme, strict=strict))


def entity_scores_by_type(
    gold: Tags, predicted: Tags, scheme: Scheme = "IOB2", *, strict: bool = True
) -> dict[str, EntityScores]:
    """Return the scores of each type that is gold or predicted anywhere, by its name."""
    pairs = list(_pairs(gold, predicted, scheme, strict))
    types = sorted({span.type for pair in pairs for spans in pair for span in spans})
    return {
        name: EntityScores.of_counts(
            _counts((_of_type(g, name), _of_type(p, name)) for g, p in pairs)
        )
        for name in types
    }


def entity_counts(
    gold: Tags, predicted: Tags, scheme: Scheme = "IOB2", *, strict: bool = True
) -> Ints:
    """Return (sentence, 3): spans rightly predicted, predicted, and gold.

    Sentences that are drawn again, as the bootstrap does, are scored from their rows.
    """
    return _counts(_pairs(gold, predicted, scheme, strict))


def entity_f1_shares(counts: Ints) -> Floats:
    """Return (sentence,) values whose mean and spread are those of F1, to first order.

    `counts` are those of `entity_counts`; columns behind them are left alone.
    """
    right, predicted, gold = counts[:, :3].astype(np.float64).T
    return ratio_shares(right, predicted + gold)


def tag_accuracy(gold: Tags, predicted: Tags) -> float:
    """Return the share of words with the right tag, in [0, 1]; 0 of no words.

    Most words are O, so that this is high for any tagger: read it beside F1, not alone.
    """
    hits = [g == p for pair in _aligned(gold, predicted) for g, p in zip(*pair, strict=True)]
    return sum(hits) / len(hits) if hits else 0.0


Spans = set[Span]


def _pairs(
    gold: Tags, predicted: Tags, scheme: Scheme, strict: bool
) -> Iterator[tuple[Spans, Spans]]:
    for right, answer in _aligned(gold, predicted):
        yield (
            set(spans_of(right, scheme, strict=strict)),
            set(spans_of(answer, scheme, strict=strict)),
        )


def _aligned(gold: Tags, predicted: Tags) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Yield the sentences' tags. Raises DataError if they are not of the same words."""
    if len(gold) != len(predicted):
        message = f"{len(gold)} sentences have gold tags, {len(predicted)} predicted ones"
        raise DataError(f"{message}; predict each sentence once")
    for number, (right, answer) in enumerate(zip(gold, predicted, strict=True)):
        if len(right) != len(answer):
            message = f"sentence {number} has {len(right)} gold tags, {len(answer)} predicted ones"
            raise DataError(f"{message}; predict a tag for each word")
        yield right, answer


def _counts(pairs: Iterator[tuple[Spans, Spans]]) -> Ints:
    rows = [(len(gold & predicted), len(predicted), len(gold)) for gold, predicted in pairs]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def _of_type(spans: Spans, name: str) -> Spans:
    return {span for span in spans if span.type == name}
