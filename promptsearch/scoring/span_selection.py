"""From the scores of a sentence's spans to spans that do not overlap."""

from collections.abc import Sequence

from promptsearch.data.tasks.tagged_sentence import Bounds
from promptsearch.language.spans import OUTSIDE, Span
from promptsearch.metrics.predictions import Floats

Scored = tuple[float, Span]


def best_labels(bounds: Sequence[Bounds], scores: Floats, labels: Sequence[str]) -> list[Scored]:
    """Return each span with its best label and score; of equal ones the first label is it.

    `scores` is (span, label).
    """
    best = scores.argmax(1).tolist()
    return [
        (float(scores[row, label]), Span(start, stop, labels[label]))
        for row, ((start, stop), label) in enumerate(zip(bounds, best, strict=True))
    ]


def best_by_first_word(scored: Sequence[Scored]) -> list[Scored]:
    """Return the best span for each first word; of equals the shorter one.

    Cui et al.'s release keeps these alone: where the best is no entity, no span begins there.
    """
    best: dict[int, Scored] = {}
    for score, span in scored:
        if span.start not in best or score > best[span.start][0]:
            best[span.start] = score, span
    return list(best.values())


def without_overlaps(scored: Sequence[Scored]) -> list[Span]:
    """Return the spans with a type, by their first words; of two that overlap the likelier one."""
    chosen: list[Span] = []
    entities = [each for each in scored if each[1].type != OUTSIDE]
    for _, span in sorted(entities, key=lambda each: (-each[0], each[1])):
        if all(span.stop <= other.start or other.stop <= span.start for other in chosen):
            chosen.append(span)
    return sorted(chosen)
