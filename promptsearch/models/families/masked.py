"""Masked language models (BERT, RoBERTa, ...): an answer of k tokens stands at k masks."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Self

from promptsearch.errors import ModelError
from promptsearch.models import ModelInfo, Options, Scoring, ScoringRequest
from promptsearch.models.batching.batch_plan import BatchPlan, EncodedText
from promptsearch.models.batching.completions import Completion
from promptsearch.models.families.masked_completions import MaskedCompletions
from promptsearch.models.forward.backends import ForwardBackend
from promptsearch.models.forward.runtime import ModelRuntime, distinct_texts, width_of
from promptsearch.models.forward.score import ForwardRecipe
from promptsearch.models.forward.select_backend import Backends, ProbeSequences, masked_backends
from promptsearch.models.tokenization.encode import SlotContexts, encode, line_of
from promptsearch.prompt import Answer, Filled


class MaskedFamily:
    """Answers scored at mask tokens: all of them at once, or from left to right."""

    chat = None

    def __init__(self, mask: int) -> None:
        self._mask = mask
        self._last: MaskedCompletions | None = None

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
        return runtime.plan_batches(distinct_texts(encoded, of_texts))

    def _completions(
        self,
        runtime: ModelRuntime[ForwardBackend],
        answers: Sequence[Answer],
        scoring: Scoring,
        width: int,
    ) -> MaskedCompletions:
        """Return the completions of these answers; the last ones stay cached."""
        last = self._last
        if last is None or not last.serves(runtime, answers, scoring, width):
            last = MaskedCompletions(answers, scoring, self._mask, runtime, width)
            self._last = last
        return last

    def recipe(self, backend: ForwardBackend) -> ForwardRecipe:
        """Return how planned sequences are assembled, and what passes them."""
        return ForwardRecipe(_assemble, lambda _: backend)

    def sequences(
        self, runtime: ModelRuntime[ForwardBackend], texts: Sequence[Filled], answer: Answer
    ) -> list[list[int]]:
        """Return the ids that the model reads, one mask a slot."""
        encoded = encode(texts, runtime.tokens, [self._mask], lambda _: runtime.limit)
        return [text.ids for text in encoded]

    def prompt_ids(self, runtime: ModelRuntime[ForwardBackend], filled: Filled) -> list[int]:
        """Return the ids that the model reads, one mask a slot."""
        (ids,) = runtime.tokens.encode([line_of(filled, [self._mask])])
        return ids


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
