"""Snippets in each chunk of text: middle words, sentences to parse, contexts of answers."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from promptsearch.corpora.fact_mentions import (
    FactIndex,
    MentionPair,
    Span,
    fact_pairs,
    known_pairs,
)
from promptsearch.corpora.mention_matcher import Hits, as_array, outermost
from promptsearch.corpora.sentence_boundaries import Offsets, sentence_starts
from promptsearch.corpora.sentences import Chunk
from promptsearch.language.words import words
from promptsearch.searchers.mine.contexts import contexts
from promptsearch.searchers.mine.count_table import CountTable
from promptsearch.searchers.mine.dependency import Sentence
from promptsearch.searchers.mine.search_terms import TermIndex
from promptsearch.searchers.mine.snippets import Snippet, is_middle, lowered

_NEAR = 200  # bytes before and after an answer that can hold its context
_LONG = 1000  # bytes of a sentence that no parser needs to see: lists, mostly


@dataclass(frozen=True)
class SnippetLimits:
    """Limits of a snippet: see the strategy's fields of these names."""

    max_words: int = 5
    max_distance: int = 10
    digits: bool = False
    merge_case: bool = True
    cross_sentences: bool = False
    parsed: int = 0  # sentences kept for the parser, per task

    def __repr__(self) -> str:
        """Return the text that checkpoints' keys digest: its words are the first version's."""
        return f"Limits({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


@dataclass
class PassCounts:
    """Counts of sentences and hits, by task."""

    sentences: Counter[int] = field(default_factory=Counter)  # by task
    hits: Counter[int] = field(default_factory=Counter)  # by task: mention pairs, or answers


class SnippetExtractor:
    """Counts the snippets of several tasks in text, one chunk after the other."""

    def __init__(self, index: TermIndex, limits: SnippetLimits, table: CountTable) -> None:
        self._matcher, self._facts, self._labels = index.matcher, index.facts, index.labels
        self._spaced, self._limits, self._table = index.spaced, limits, table
        self.samples: dict[int, dict[str, Sentence]] = {task: {} for task in self._facts}
        self.counts = PassCounts()

    def take(self, chunk: Chunk) -> None:
        text = as_array(chunk.text)
        starts = sentence_starts(text, self._spaced, self._limits.cross_sentences)
        hits = self._matcher.hits(chunk.text, text)
        sentences = int((starts[1:] - starts[:-1] > 1).sum())  # an empty line is none
        self.counts.sentences.update(dict.fromkeys([*self._facts, *self._labels], sentences))
        for task, facts in self._facts.items():
            self._take_facts(task, facts, chunk, hits, starts)
        for task, labels in self._labels.items():
            self._take_contexts(task, labels, chunk.text, hits, starts)

    def _take_facts(
        self, task: int, facts: FactIndex, chunk: Chunk, hits: Hits, starts: Offsets
    ) -> None:
        stated = list(known_pairs(chunk.known, facts, starts))
        mentions = outermost(hits.where(facts.mentioned[hits.name]))
        plain = fact_pairs(mentions, facts, starts)
        for pair in [*stated, *_new(plain, stated)]:
            middle = words(_decoded(chunk.text, pair.between), self._spaced)
            if len(middle) <= self._limits.max_distance:
                self.counts.hits[task] += 1
                self._count_middle(task, Snippet(pair.direction, " ".join(middle)), pair, chunk)
                self._sample(task, pair, chunk)

    def _count_middle(self, task: int, snippet: Snippet, pair: MentionPair, chunk: Chunk) -> None:
        if is_middle(snippet, self._limits.max_words, self._limits.digits):
            example = chunk.text[slice(*pair.sentence)].strip()
            self._table.add(task, self._cased(snippet), "", example)

    def _sample(self, task: int, pair: MentionPair, chunk: Chunk) -> None:
        """Keep the sentences of smallest hash: a sample that no order or sharding changes."""
        if not self._limits.parsed or pair.sentence[1] - pair.sentence[0] > _LONG:
            return
        sentence = _sentence(pair, chunk.text)
        sample = self.samples[task]
        sample[blake2b(repr(sentence).encode(), digest_size=8).hexdigest()] = sentence
        if len(sample) > 2 * self._limits.parsed:
            self.samples[task] = smallest(sample, self._limits.parsed)

    def _take_contexts(
        self, task: int, labels: Mapping[int, list[str]], text: bytes, hits: Hits, starts: Offsets
    ) -> None:
        answers = outermost(hits.where(np.isin(hits.name, list(labels))))
        sentences = starts.searchsorted(answers.start, side="right") - 1
        for name, start, end, sentence in zip(
            answers.name.tolist(),
            answers.start.tolist(),
            answers.end.tolist(),
            sentences.tolist(),
            strict=True,
        ):
            first, last = int(starts[sentence]), int(starts[sentence + 1])
            self.counts.hits[task] += 1
            before = words(_decoded(text, (max(first, start - _NEAR), start)), self._spaced)
            after = words(_decoded(text, (end, min(last, end + _NEAR))), self._spaced)
            for snippet in contexts(before, after, self._limits.max_words, self._limits.digits):
                for label in labels[name]:
                    example = text[first:last].strip()
                    self._table.add(task, self._cased(snippet), label, example)

    def _cased(self, snippet: Snippet) -> Snippet:
        return lowered(snippet) if self._limits.merge_case else snippet


def smallest(sample: Mapping[str, Sentence], size: int) -> dict[str, Sentence]:
    return {digest: sample[digest] for digest in sorted(sample)[:size]}


def _new(plain: Iterable[MentionPair], stated: Sequence[MentionPair]) -> Iterator[MentionPair]:
    """Yield the pairs found in the text without those that the file itself states."""
    by_sentence = {
        pair.sentence: [f for f in stated if f.sentence == pair.sentence] for pair in stated
    }
    for pair in plain:
        stated_there = by_sentence.get(pair.sentence, ())
        if not any(
            _overlap(pair.subject, s.subject) and _overlap(pair.object, s.object)
            for s in stated_there
        ):
            yield pair


def _overlap(a: Span, b: Span) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def _sentence(pair: MentionPair, text: bytes) -> Sentence:
    """Return the sentence as text, with the characters of its subject and object."""
    start, end = pair.sentence

    def characters(span: Span) -> Span:
        return len(_decoded(text, (start, span[0]))), len(_decoded(text, (start, span[1])))

    return (
        _decoded(text, (start, end)).rstrip(),
        characters(pair.subject),
        characters(pair.object),
    )


def _decoded(text: bytes, span: Span) -> str:
    """Return the text of the span, without half a character at a window's edge."""
    return text[span[0] : span[1]].decode(errors="ignore")
