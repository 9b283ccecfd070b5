"""Completions of masked texts: the tokens at the slots, and those that are scored there."""

from collections.abc import Iterator, Mapping, Sequence

from promptsearch.models import MultiToken, Scoring
from promptsearch.models.batching.completions import Completions, ScoredToken, completion_of
from promptsearch.models.forward.backends import ForwardBackend
from promptsearch.models.forward.runtime import ModelRuntime, divisors, token_count
from promptsearch.models.tokenization.encode import SlotContexts, answer_ids
from promptsearch.prompt import Answer

Ids = Mapping[str, tuple[int, ...]]  # slot -> the ids of one answer's text in it
Fill = tuple[tuple[int, ...], tuple[int, ...]]  # ids at all masks in order, masks per slot


class MaskedCompletions:
    """The completions of a list of answers, cached by the slots of a text."""

    def __init__(
        self,
        answers: Sequence[Answer],
        scoring: Scoring,
        mask: int,
        runtime: ModelRuntime[ForwardBackend],
        width: int,
    ) -> None:
        self._answers, self._scoring, self._mask, self._runtime = answers, scoring, mask, runtime
        self._width = width
        self._by_slots: dict[SlotContexts, Completions] = {}
        self._by_ids: dict[object, Completions] = {}

    def serves(
        self,
        runtime: ModelRuntime[ForwardBackend],
        answers: Sequence[Answer],
        scoring: Scoring,
        width: int,
    ) -> bool:
        """Return True if these completions are of this very list, scored in this way."""
        return (
            answers is self._answers
            and (scoring, width) == (self._scoring, self._width)
            and runtime.reads_like(self._runtime)
        )

    def room(self, slots: SlotContexts) -> int:
        """Return how many tokens a text may have, so that it holds the longest answer."""
        completions = self.for_slots(slots).completions
        longest = max(len(completion.fill) for completion in completions)
        return self._runtime.limit - longest + len(slots)

    def for_slots(self, slots: SlotContexts) -> Completions:
        """Return the completions of a text with these slots, shared if answers have equal ids."""
        if slots not in self._by_slots:
            ids = answer_ids(self._answers, slots, self._runtime.tokens)
            names = [name for name, _ in slots]
            key = (tuple(names), tuple(tuple(by_slot.items()) for by_slot in ids))
            if key not in self._by_ids:
                self._by_ids[key] = self._create(names, ids)
            self._by_slots[slots] = self._by_ids[key]
        return self._by_slots[slots]

    def _create(self, names: Sequence[str], ids: Sequence[Ids]) -> Completions:
        tables = scored_tokens(names, ids, self._scoring.multi_token, self._mask)
        device = self._runtime.device
        completions = (completion_of(*fill, table, device) for fill, table in tables.items())
        token_counts = [token_count(by_slot) for by_slot in ids]
        norm = self._scoring.length_norm
        return Completions(
            tuple(completions), divisors(self._answers, token_counts, norm, self._width)
        )


def scored_tokens(
    names: Sequence[str], answers: Sequence[Ids], multi_token: MultiToken, mask: int
) -> dict[Fill, list[ScoredToken]]:
    """Return the tokens to score for each answer, by the fill that it needs.

    Answers with equal fills share one. A slot that an answer leaves out stays one mask, and is not
    scored.
    """
    by_fill: dict[Fill, list[ScoredToken]] = {}
    for number, ids in enumerate(answers):
        counts = tuple(len(ids.get(name, (mask,))) for name in names)
        fill = [mask] * sum(counts)
        for position, token in _token_positions(names, ids):
            by_fill.setdefault((tuple(fill), counts), []).append((position, token, number))
            if multi_token == "left-to-right":
                fill[position] = token
    return by_fill


def _token_positions(names: Sequence[str], ids: Ids) -> Iterator[tuple[int, int]]:
    """Yield (index among all masks, token) from left to right."""
    position = 0
    for name in names:
        for token in ids.get(name, ()):
            yield position, token
            position += 1
        position += name not in ids
