"""Facts whose subject and object stand in one sentence."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from promptsearch.corpora.evidence import Mention
from promptsearch.corpora.mention_matcher import Hits, surfaces
from promptsearch.corpora.sentence_boundaries import Flags, Offsets

MAX_GAP = 400  # bytes between two mentions; more than ten words are never this short
Span = tuple[int, int]
Pair = tuple[str, str]  # (subject, object)


@dataclass(frozen=True)
class MentionPair:
    """A subject and an object in one sentence, as byte spans of the chunk."""

    subject: Span
    object: Span
    sentence: Span

    @property
    def direction(self) -> int:
        """1 where the subject comes first, -1 where the object does (LPAQA's sign)."""
        return 1 if self.subject < self.object else -1

    @property
    def between(self) -> Span:
        first, second = sorted((self.subject, self.object))
        return first[1], second[0]


class FactIndex:
    """The facts of one task over the matcher's names."""

    def __init__(self, facts: Iterable[Pair], index: Mapping[str, int]) -> None:
        self._names = len(index)
        self._index = index
        self.facts = frozenset(facts)
        keys = {key for fact in self.facts for key in self._keys(fact)}
        self._sorted = np.array(sorted(keys), dtype=np.int64)
        self._is_subject = np.zeros(self._names, dtype=np.bool_)
        self._is_object = np.zeros(self._names, dtype=np.bool_)
        if len(self._sorted):
            self._is_subject[self._sorted // self._names] = True
            self._is_object[self._sorted % self._names] = True
        self.mentioned = self._is_subject | self._is_object

    def _keys(self, fact: Pair) -> Iterator[int]:
        """Yield a key for each way to write the fact: subject * names + object."""
        subjects, objects = (
            [self._index[surface] for surface in surfaces(name) if surface in self._index]
            for name in fact
        )
        for subject in subjects:
            for object_ in objects:
                yield subject * self._names + object_

    def holds(self, subject: Offsets, object_: Offsets) -> Flags:
        """Return which of the aligned (subject, object) name indices are facts."""
        maybe = np.flatnonzero(self._is_subject[subject] & self._is_object[object_])
        keys = subject[maybe] * self._names + object_[maybe]
        at = np.searchsorted(self._sorted, keys)
        true = np.zeros(len(subject), dtype=np.bool_)
        true[maybe] = self._sorted[np.minimum(at, len(self._sorted) - 1)] == keys
        return true


def fact_pairs(hits: Hits, facts: FactIndex, starts: Offsets) -> Iterator[MentionPair]:
    """Yield every two mentions of one fact in one sentence, near each other.

    `hits` are `outermost`.

    Each hit is compared with its first neighbour at once, then its second, and so on, until no
    hit has a neighbour that far in its sentence. A name that spans a sentence end joins the two.
    """
    first_sentence = np.searchsorted(starts, hits.start, side="right") - 1
    last_sentence = np.searchsorted(starts, hits.end - 1, side="right") - 1
    for step in count(1):
        first, second = slice(None, -step), slice(step, None)
        near = last_sentence[first] >= first_sentence[second]
        near &= hits.start[second] - hits.end[first] <= MAX_GAP
        if not near.any():
            return
        near &= hits.start[second] >= hits.end[first]
        earlier = np.flatnonzero(near)
        later = earlier + step
        for subject, object_ in ((earlier, later), (later, earlier)):
            right_ones = np.flatnonzero(facts.holds(hits.name[subject], hits.name[object_]))
            for s, o in zip(subject[right_ones], object_[right_ones], strict=True):
                sentence = starts[first_sentence[min(s, o)]], starts[last_sentence[max(s, o)] + 1]
                yield MentionPair(
                    _span(hits, s), _span(hits, o), (int(sentence[0]), int(sentence[1]))
                )


def known_pairs(
    known: Sequence[Mention], facts: FactIndex, starts: Offsets
) -> Iterator[MentionPair]:
    """Yield the mentions that an evidence file states of this task's facts, inside one sentence."""
    for mention in known:
        if (mention.subject, mention.object) not in facts.facts:
            continue
        edges = np.array([*mention.subject_span, *mention.object_span])
        sentences = np.searchsorted(starts, edges - [0, 1, 0, 1], side="right") - 1
        first, second = sorted(((sentences[0], sentences[1]), (sentences[2], sentences[3])))
        if first[1] >= second[0]:
            sentence = int(starts[first[0]]), int(starts[second[1] + 1])
            yield MentionPair(mention.subject_span, mention.object_span, sentence)


def _span(hits: Hits, at: int) -> Span:
    return int(hits.start[at]), int(hits.end[at])
