"""Gaps filled in part: the items of a beam, with the log p of their words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

Sizes = tuple[int, ...]  # words in each gap


@dataclass(frozen=True)
class PartialFill:
    """Words of all gaps in a row, None for those still open."""

    words: tuple[str | None, ...]
    log_probs: tuple[float, ...] = ()  # of each word so far: the mean over examples, in nats

    @property
    def log_prob(self) -> float:
        return sum(self.log_probs)

    def with_word(self, position: int, word: str, log_prob: float) -> "PartialFill":
        return PartialFill(
            (*self.words[:position], word, *self.words[position + 1 :]),
            (*self.log_probs[:position], log_prob, *self.log_probs[position + 1 :]),
        )


def sizes_of(gaps: int, words: int) -> Iterator[Sizes]:
    """Yield numbers of words for the gaps: one to `words` in each, and not many in all of them.

    >>> list(sizes_of(2, 2))
    [(1, 1), (1, 2), (2, 1)]
    """
    for sizes in product(range(1, words + 1), repeat=gaps):
        if sum(sizes) <= words + gaps - 1:
            yield sizes


def best_of(fills: Sequence[PartialFill], count: int) -> list[PartialFill]:
    """Return the likeliest fills of different words, each at its best; ties to the first."""
    by_words: dict[tuple[str | None, ...], PartialFill] = {}
    for fill in sorted(fills, key=lambda fill: -fill.log_prob):
        by_words.setdefault(fill.words, fill)
    return list(by_words.values())[:count]
