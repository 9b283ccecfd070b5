"""Encoder-decoder models (T5, ...): the slots are sentinels, the decoder writes the answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch

from promptsearch.errors import ModelError
from promptsearch.models import ModelInfo, Options, Scoring, ScoringRequest
from promptsearch.models.batching.batch_plan import BatchPlan, EncodedText, PlanBlock
from promptsearch.models.batching.completions import Completion, Completions, continuations
from promptsearch.models.forward.backends import ForwardBackend
from promptsearch.models.forward.body_and_head import UNSUPPORTED_ERRORS
from promptsearch.models.forward.causality import check_decoder
from promptsearch.models.forward.encoder_decoder import EncoderBackend, seq2seq_backends
from promptsearch.models.forward.runtime import (
    ModelRuntime,
    distinct_texts,
    divisors,
    limit_of,
    width_of,
)
from promptsearch.models.forward.score import ForwardRecipe
from promptsearch.models.forward.select_backend import Backends, ProbeSequences
from promptsearch.models.tokenization.control_tokens import sentinels_of
from promptsearch.models.tokenization.encode import (
    encode,
    insert_triggers,
    line_of,
    slot_contexts,
)
from promptsearch.models.tokenization.tokenizer import Tokens
from promptsearch.models.tokenization.vocabulary import first_ids
from promptsearch.prompt import Answer, Filled


@dataclass(frozen=True)
class Seq2SeqFamily:
    """Answers scored after their sentinels; each text is encoded once."""

    sentinels: Sequence[int]
    start: int  # the token that a decoder begins with
    chat: None = None

    @classmethod
    def create(cls, model: Any, tokenizer: Any, info: ModelInfo, _options: Options) -> Self:
        """Raise ModelError if the tokenizer has no sentinels, or the decoder looks ahead."""
        sentinels = sentinels_of(tokenizer)
        if not sentinels:
            raise ModelError(
                f"the tokenizer of {info.spec!r} has no sentinel tokens (<extra_id_0>, ...), which "
                "mark the slots of an encoder-decoder; use a T5-like model"
            )
        start = _start(model, tokenizer, info)
        room = limit_of(model, tokenizer)
        tokens = first_ids(tokenizer)
        check_decoder(model, [sentinels[0], *tokens[:2]], start, tokens, room, info.spec)
        return cls(sentinels, start)

    def without_chat(self) -> Self:
        """Return the family itself: it reads no chats."""
        return self

    def backends(self, model: Any, probe_sequences: ProbeSequences) -> Backends[EncoderBackend]:
        """Return the backends that fit a transformers model."""
        return seq2seq_backends(model, probe_sequences, self.start, self.sentinels[0])

    def plan_all(
        self,
        runtime: ModelRuntime[EncoderBackend],
        requests: Sequence[ScoringRequest],
        scoring: Scoring,
    ) -> BatchPlan:
        """Plan texts whose answers differ; each text is encoded once."""
        width = width_of(requests)
        texts = [text for request in requests for text in request.texts]
        encoded = encode(texts, runtime.tokens, self.sentinels, lambda _: runtime.limit)
        by_text: list[Completions] = []
        for request in requests:
            by_names: dict[tuple[str, ...], Completions] = {}
            for names in map(_names, request.texts):
                if names not in by_names:
                    by_names[names] = self._completions(
                        runtime, names, request.answers, scoring, width
                    )
                by_text.append(by_names[names])
        return runtime.plan_batches(distinct_texts(encoded, by_text), encoder_decoder=True)

    def recipe(self, backend: EncoderBackend) -> ForwardRecipe:
        """Return how planned sequences are assembled, and the decoders of each block."""

        def prepare(block: PlanBlock) -> ForwardBackend:
            return backend.decoder_for([item.ids for item in block.items])

        return ForwardRecipe(self._assemble, prepare)

    def sequences(
        self, runtime: ModelRuntime[EncoderBackend], texts: Sequence[Filled], answer: Answer
    ) -> list[list[int]]:
        """Return the ids that the encoder reads."""
        encoded = encode(texts, runtime.tokens, self.sentinels, lambda _: runtime.limit)
        return [text.ids for text in encoded]

    def prompt_ids(self, runtime: ModelRuntime[EncoderBackend], filled: Filled) -> list[int]:
        """Return the ids that the encoder reads, with its sentinels."""
        (ids,) = runtime.tokens.encode([line_of(filled, self.sentinels)])
        return insert_triggers(ids, filled)

    def _check(self, names: Sequence[str], spec: str) -> None:
        if len(names) > len(self.sentinels):
            raise ModelError(
                f"the template has {len(names)} slots, but the tokenizer of {spec!r} has "
                f"{len(self.sentinels)} sentinels; use fewer slots"
            )

    def _completions(
        self,
        runtime: ModelRuntime[EncoderBackend],
        names: Sequence[str],
        answers: Sequence[Answer],
        scoring: Scoring,
        width: int,
    ) -> Completions:
        """Return what the decoder writes: sentinel, answer, sentinel, answer; the answers count."""
        self._check(names, runtime.info.spec)
        texts = list(dict.fromkeys(text for answer in answers for _, text in answer))
        ids = dict(zip(texts, _answer_ids(texts, runtime.tokens), strict=True))
        follows, scored = [], []
        for answer in answers:
            follow, positions = self._target(names, {slot: ids[text] for slot, text in answer})
            follows.append(follow)
            scored.append(positions)
        answer_divisors = divisors(answers, list(map(len, scored)), scoring.length_norm, width)
        return Completions(continuations(follows, scored, runtime.device), answer_divisors)

    def _target(
        self, names: Sequence[str], ids: dict[str, list[int]]
    ) -> tuple[list[int], list[int]]:
        follow: list[int] = []
        positions: list[int] = []
        for sentinel, name in zip(self.sentinels, names, strict=False):
            follow.append(sentinel)
            positions += range(len(follow), len(follow) + len(ids.get(name, ())))
            follow += ids.get(name, ())
        return follow, positions

    def _assemble(self, _item: EncodedText, completion: Completion) -> tuple[list[int], list[int]]:
        return [self.start, *completion.fill], list(completion.positions)


def _start(model: Any, tokenizer: Any, info: ModelInfo) -> int:
    """Return the token that the decoder begins with: as a file says, or else the model's code.

    A T5 whose configuration does not say it begins with the padding, as all T5s do.
    """
    for source in (model.config, model.generation_config):
        if isinstance(start := getattr(source, "decoder_start_token_id", None), int):
            return start
    starts = _starts_of_targets(model) or {tokenizer.pad_token_id}
    if len(starts) > 1 or None in starts:
        raise ModelError(
            f"the model {info.spec!r} does not say which token its decoder begins with; write "
            "decoder_start_token_id into its config.json"
        )
    return int(starts.pop())


def _starts_of_targets(model: Any) -> set[int]:
    """Return what the model's own code puts before some targets; mBART's puts their last token."""
    prepare = getattr(model, "prepare_decoder_input_ids_from_labels", None)
    if prepare is None:
        return set()
    try:
        targets = [torch.tensor([[token]], device=model.device) for token in (5, 6, 7)]
        return {int(prepare(labels=target)[0, 0]) for target in targets}
    except UNSUPPORTED_ERRORS:
        return set()


def _names(filled: Filled) -> tuple[str, ...]:
    return tuple(name for name, _ in slot_contexts(filled))


def _answer_ids(texts: Sequence[str], tokens: Tokens) -> list[list[int]]:
    encoded = tokens.encode([(text,) for text in texts], special=False)
    for text, ids in zip(texts, encoded, strict=True):
        if not ids:
            raise ModelError(
                f"the answer {text!r} has no tokens in this model's vocabulary; use another"
            )
    return encoded
