"""Spans of tagged words: what the tags of a sentence say, in the schemes IOB2 and IOBES.

IOB2 (Tjong Kim Sang and Veenstra 1999): B-X begins a span of type X, I-X continues it, O is outside
of all. IOBES also marks the last word, E-X, and a span of one word, S-X.

Tags of a model, and of files in the older IOB1, may break the scheme. Read strictly, as seqeval's
`mode="strict"`, such words are no span; read as conlleval.pl and seqeval by default do, a span
begins wherever a tag does not continue the one before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Scheme = Literal["IOB2", "IOBES"]
OUTSIDE = "O"
PREFIXES: Mapping[Scheme, str] = {"IOB2": "BI", "IOBES": "BIES"}


@dataclass(frozen=True, order=True)
class Span:
    """Words of one type, from `start` up to `stop`, counted from 0."""

    start: int
    stop: int
    type: str


def is_tag(tag: str, scheme: Scheme) -> bool:
    """Return whether the scheme has such a tag.

    >>> is_tag("B-PER", "IOB2"), is_tag("S-PER", "IOB2"), is_tag("PER", "IOB2")
    (True, False, False)
    """
    return tag == OUTSIDE or (len(tag) > 2 and tag[0] in PREFIXES[scheme] and tag[1] == "-")


def type_of(tag: str) -> str:
    """Return the type that a tag names; "" for O.

    >>> type_of("B-event-battle")
    'event-battle'
    """
    return tag[2:]


def spans_of(tags: Sequence[str], scheme: Scheme = "IOB2", *, strict: bool = True) -> list[Span]:
    """Return the spans of a sentence, in order.

    >>> spans_of(["B-PER", "I-PER", "O", "I-LOC"])
    [Span(start=0, stop=2, type='PER')]
    >>> spans_of(["B-PER", "I-PER", "O", "I-LOC"], strict=False)[1]
    Span(start=3, stop=4, type='LOC')
    """
    return [span for span in _runs(tags) if not strict or _is_whole(tags, span, scheme)]


def broken_spans(tags: Sequence[str], scheme: Scheme = "IOB2") -> list[Span]:
    """Return the spans that break the scheme, which the strict reading leaves out."""
    return [span for span in _runs(tags) if not _is_whole(tags, span, scheme)]


def _runs(tags: Sequence[str]) -> Iterator[Span]:
    """Yield the words that continue each other, as far as they do."""
    start = 0
    for stop in range(1, len(tags) + 1):
        if stop == len(tags) or not _continues(tags[stop - 1], tags[stop]):
            if tags[start] != OUTSIDE:
                yield Span(start, stop, type_of(tags[start]))
            start = stop


def _continues(before: str, tag: str) -> bool:
    return before[0] in "BI" and tag[0] in "IE" and type_of(before) == type_of(tag)


def _is_whole(tags: Sequence[str], span: Span, scheme: Scheme) -> bool:
    """Return whether the span begins, and in IOBES ends, as its scheme has it."""
    first, last = tags[span.start][0], tags[span.stop - 1][0]
    if scheme == "IOB2":
        return first == "B"
    return first == "S" if span.start + 1 == span.stop else (first, last) == ("B", "E")


def candidate_spans(words: int, longest: int) -> list[tuple[int, int]]:
    """Return (start, stop) of all spans of up to `longest` words, by start, then by stop.

    >>> candidate_spans(3, 2)
    [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3)]
    """
    return [
        (start, stop)
        for start in range(words)
        for stop in range(start + 1, min(start + longest, words) + 1)
    ]


def tags_of(spans: Sequence[Span], words: int, scheme: Scheme = "IOB2") -> list[str]:
    """Return a tag a word for spans that do not overlap: what `spans_of` reads back.

    >>> tags_of([Span(0, 2, "PER")], 3, "IOBES")
    ['B-PER', 'E-PER', 'O']
    """
    tags = [OUTSIDE] * words
    for span in spans:
        inside = range(span.start, span.stop)
        tags[span.start : span.stop] = [f"{_prefix(span, at, scheme)}-{span.type}" for at in inside]
    return tags


def _prefix(span: Span, at: int, scheme: Scheme) -> str:
    """Return the letter of the word at this index in a span."""
    first, last = at == span.start, at == span.stop - 1
    if scheme == "IOB2":
        return "B" if first else "I"
    if first and last:
        return "S"
    return "B" if first else "E" if last else "I"


def iob2_of_iob1(tags: Sequence[str]) -> list[str]:
    """Return the same spans in IOB2; IOB1 writes B-X only where a span of type X touches another.

    >>> iob2_of_iob1(["I-PER", "I-PER", "B-PER", "O", "I-LOC"])
    ['B-PER', 'I-PER', 'B-PER', 'O', 'B-LOC']
    """
    starts = {span.start for span in _runs(tags)}
    return [f"B{tag[1:]}" if index in starts else tag for index, tag in enumerate(tags)]
