"""What is asked of texts with masks: which tokens stand in the slots, and which are read there."""

from collections.abc import Iterator, Mapping, Sequence

from promptsearch.models import MultiToken, Scoring
from promptsearch.models.batching.completions import Completions, ScoredToken, completion_of
from promptsearch.models.forward.backends import ForwardBackend
from promptsearch.models.forward.runtime import ModelRuntime, divisors, tokens_of
from promptsearch.models.tokenization.encode import SlotContexts, answer_ids
from promptsearch.prompt import Answer

Ids = Mapping[str, tuple[int, ...]]  # slot -> the ids of one answer's text there
Fill = tuple[tuple[int, ...], tuple[int, ...]]  # ids at all masks in order, masks per slot


class MaskedCompletions:
    """The probes of some answers, made once per kind of text."""

    def __init__(
        self,
        answers: Sequence[Answer],
        scoring: Scoring,
        mask: int,
        machine: ModelRuntime[ForwardBackend],
        width: int,
    ) -> None:
        self._answers, self._scoring, self._mask, self._machine = answers, scoring, mask, machine
        self._width = width
        self._known: dict[SlotContexts, Completions] = {}
        self._same: dict[object, Completions] = {}

    def serves(self, answers: Sequence[Answer], scoring: Scoring, width: int) -> bool:
        """Whether it was made for these very answers, asked in this way."""
        return answers is self._answers and (scoring, width) == (self._scoring, self._width)

    def room(self, slots: SlotContexts) -> int:
        """Tokens a text may have, so that it holds the longest answer."""
        longest = max(len(probe.fill) for probe in self.probes(slots).completions)
        return self._machine.limit - longest + len(slots)

    def probes(self, slots: SlotContexts) -> Completions:
        """What to ask of a text with these slots; texts whose answers have equal ids share it."""
        if slots not in self._known:
            ids = answer_ids(self._answers, slots, self._machine.tokens)
            names = [name for name, _ in slots]
            key = (tuple(names), tuple(tuple(by_slot.items()) for by_slot in ids))
            if key not in self._same:
                self._same[key] = self._make(names, ids)
            self._known[slots] = self._same[key]
        return self._known[slots]

    def _make(self, names: Sequence[str], ids: Sequence[Ids]) -> Completions:
        tables = scored_tokens(names, ids, self._scoring.multi_token, self._mask)
        device = self._machine.device
        completions = (completion_of(*fill, table, device) for fill, table in tables.items())
        norm = self._scoring.length_norm
        divisors_of_answers = divisors(
            self._answers, [tokens_of(each) for each in ids], norm, self._width
        )
        return Completions(tuple(completions), divisors_of_answers)


def scored_tokens(
    names: Sequence[str], answers: Sequence[Ids], multi_token: MultiToken, mask: int
) -> dict[Fill, list[ScoredToken]]:
    """What to read for each answer, by the filling it needs: answers with equal fillings share it.

    A slot that an answer leaves out stays one mask, and is not read.
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
    """(place among all masks, token) from left to right."""
    position = 0
    for name in names:
        for token in ids.get(name, ()):
            yield position, token
            position += 1
        position += name not in ids
