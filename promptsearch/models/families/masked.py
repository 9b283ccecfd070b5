"""Masked language models (BERT, RoBERTa, ...): an answer of k tokens stands at k masks."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Self

from promptsearch.errors import ModelError
from promptsearch.models import ModelInfo, MultiToken, Options, Scoring, ScoringRequest
from promptsearch.models.batching.batch_plan import BatchPlan, EncodedText
from promptsearch.models.batching.completions import (
    Completion,
    Completions,
    ScoredToken,
    completion_of,
)
from promptsearch.models.forward.backends import ForwardBackend
from promptsearch.models.forward.runtime import (
    ModelRuntime,
    distinct_texts,
    divisors,
    token_count,
    width_of,
)
from promptsearch.models.forward.score import ForwardRecipe
from promptsearch.models.forward.select_backend import Backends, ProbeSequences, masked_backends
from promptsearch.models.tokenization.encode import (
    SlotContexts,
    answer_ids,
    encode,
    insert_triggers,
    line_of,
)
from promptsearch.prompt import Answer, Filled

Ids = Mapping[str, tuple[int, ...]]  # slot -> the ids of one answer's text in it
RECENT = 8  # lists of answers whose completions stay cached
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
        """Return True if these completions are of these answers, scored in this way."""
        return (
            (scoring, width) == (self._scoring, self._width)
            and runtime.reads_like(self._runtime)
            and (answers is self._answers or answers == self._answers)
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


class MaskedFamily:
    """Answers scored at mask tokens: all of them at once, or from left to right."""

    chat = None
    seq2seq_form = None

    def __init__(self, mask: int) -> None:
        self._mask = mask
        self._recent: deque[MaskedCompletions] = deque(maxlen=RECENT)

    @classmethod
    def create(cls, _model: Any, tokenizer: Any, info: ModelInfo, _options: Options) -> Self:
        """Raise ModelError if the tokenizer has no mask."""
        mask = tokenizer.mask_token_id
        if mask is None:
            raise ModelError(
                f"the tokenizer of {info.spec!r} has no mask token; is it a masked model?"
            )
        return cls(mask)

    def without_chat(self) -> Self:
        """Return the family itself: it reads no chats."""
        return self

    def backends(self, model: Any, probe_sequences: ProbeSequences) -> Backends[ForwardBackend]:
        """Return the backends that fit a transformers model."""
        return masked_backends(model, probe_sequences, self._mask)

    def plan_all(
        self,
        runtime: ModelRuntime[ForwardBackend],
        requests: Sequence[ScoringRequest],
        scoring: Scoring,
    ) -> BatchPlan:
        """Plan texts whose answers differ; each is cut to leave room for the longest answer."""
        width = width_of(requests)
        completions = [self._completions(runtime, r.answers, scoring, width) for r in requests]
        texts = [text for request in requests for text in request.texts]

        @cache
        def room(slots: SlotContexts) -> int:
            return min(each.room(slots) for each in completions)

        encoded = encode(texts, runtime.tokens, [self._mask], room)
        by_text = [c for c, r in zip(completions, requests, strict=True) for _ in r.texts]
        pairs = zip(by_text, encoded, strict=True)
        of_texts = [each.for_slots(text.slot_contexts) for each, text in pairs]
        plan = runtime.plan_batches(distinct_texts(encoded, of_texts))
        return replace(plan, cut=any(text.cut for text in encoded))

    def _completions(
        self,
        runtime: ModelRuntime[ForwardBackend],
        answers: Sequence[Answer],
        scoring: Scoring,
        width: int,
    ) -> MaskedCompletions:
        """Return the completions of these answers; the most recent ones stay cached."""
        for recent in self._recent:
            if recent.serves(runtime, answers, scoring, width):
                return recent
        self._recent.appendleft(MaskedCompletions(answers, scoring, self._mask, runtime, width))
        return self._recent[0]

    def recipe(self, backend: ForwardBackend) -> ForwardRecipe:
        """Return how planned sequences are assembled, and what passes them."""
        return ForwardRecipe(_assemble, lambda _: backend)

    def sequences(
        self, runtime: ModelRuntime[ForwardBackend], texts: Sequence[Filled], answer: Answer
    ) -> list[list[int]]:
        """Return the ids that the model reads, one mask a slot."""
        encoded = encode(texts, runtime.tokens, [self._mask], lambda _: runtime.limit)
        return [text.ids for text in encoded]

    def generation_ids(
        self, runtime: ModelRuntime[ForwardBackend], texts: Sequence[Filled], tokens: int
    ) -> list[list[int]]:
        """Raise ModelError: a masked model fills in words, as many as it has masks for."""
        raise ModelError(
            f"{runtime.info.spec!r} is a masked model, which writes no texts; use a causal model "
            "or an encoder-decoder"
        )

    def prompt_ids(self, runtime: ModelRuntime[ForwardBackend], filled: Filled) -> list[int]:
        """Return the ids that the model reads, one mask a slot."""
        (ids,) = runtime.tokens.encode([line_of(filled, [self._mask])])
        return insert_triggers(ids, filled)


def _assemble(item: EncodedText, completion: Completion) -> tuple[list[int], list[int]]:
    """Return the text with its slots filled, and the positions to read."""
    ids: list[int] = []
    positions: list[int] = []
    end = first = 0
    for slot, count in zip(item.slots, completion.counts, strict=True):
        ids += item.ids[end:slot]
        positions += range(len(ids), len(ids) + count)
        ids += completion.fill[first : first + count]
        end, first = slot + 1, first + count
    ids += item.ids[end:]
    return ids, [positions[index] for index in completion.positions]
