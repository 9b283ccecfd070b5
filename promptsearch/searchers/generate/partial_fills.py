"""Words in gaps while they are being filled in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

Sizes = tuple[int, ...]  # words in each gap


@dataclass(frozen=True)
class PartialFill:
    """Words of all gaps in a row, None where there is none yet."""

    words: tuple[str | None, ...]
    log_probs: tuple[float, ...] = ()  # of each word so far: the mean over examples, in nats

    @property
    def log_prob(self) -> float:
        return sum(self.log_probs)

    def with_word(self, place: int, word: str, log_prob: float) -> "PartialFill":
        return PartialFill(
            (*self.words[:place], word, *self.words[place + 1 :]),
            (*self.log_probs[:place], log_prob, *self.log_probs[place + 1 :]),
        )


def sizes_of(gaps: int, words: int) -> Iterator[Sizes]:
    """How many words may stand in each gap: one to `words`, and not many in all of them.

    >>> list(sizes_of(2, 2))
    [(1, 1), (1, 2), (2, 1)]
    """
    for sizes in product(range(1, words + 1), repeat=gaps):
        if sum(sizes) <= words + gaps - 1:
            yield sizes


def best_of(drafts: Sequence[PartialFill], count: int) -> list[PartialFill]:
    """The likeliest of different words, each as it is judged best; ties to the first."""
    found: dict[tuple[str | None, ...], PartialFill] = {}
    for draft in sorted(drafts, key=lambda draft: -draft.log_prob):
        found.setdefault(draft.words, draft)
    return list(found.values())[:count]
