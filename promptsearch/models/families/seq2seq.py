"""Encoder-decoder models (T5, BART, ...): the encoder reads a prompt, the decoder its answers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal, Self

import torch

from promptsearch.errors import ModelError
from promptsearch.models import ModelInfo, Options, Scoring, ScoringRequest
from promptsearch.models.batching.batch_plan import BatchPlan, EncodedText, PlanBlock
from promptsearch.models.batching.completions import Completion, Completions, continuations
from promptsearch.models.families.seq2seq_forms import PlainForm, SentinelForm, Seq2SeqForm
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
from promptsearch.models.tokenization.encode import insert_triggers
from promptsearch.models.tokenization.vocabulary import first_ids
from promptsearch.prompt import Answer, Filled


@dataclass(frozen=True)
class Seq2SeqFamily:
    """Answers that a decoder writes in the model's form; each text is encoded once."""

    form: Seq2SeqForm
    start: int  # the token that a decoder begins with
    sentinels: Sequence[int]  # () where the tokenizer has none
    chat: None = None

    @classmethod
    def create(cls, model: Any, tokenizer: Any, info: ModelInfo, options: Options) -> Self:
        """Raise ModelError if the tokenizer lacks what the form needs, or the decoder looks ahead.

        That is sentinels, or an end token.
        """
        sentinels = sentinels_of(tokenizer)
        form = _form(tokenizer, sentinels, info.spec, options)
        start = _start(model, tokenizer, info)
        room = limit_of(model, tokenizer)
        tokens = first_ids(tokenizer)
        check_decoder(model, tokens[:3], start, tokens, room, info.spec)
        return cls(form, start, sentinels)

    def without_chat(self) -> Self:
        """Return the family that fills gaps anywhere in a text: by sentinels, if there are any."""
        if self.form.name == "sentinel" or not self.sentinels:
            return self
        return replace(self, form=SentinelForm(self.sentinels, self.form.spec))

    @property
    def seq2seq_form(self) -> Literal["plain"] | None:
        """The form of its answers, as results record it."""
        return "plain" if self.form.name == "plain" else None

    def backends(self, model: Any, probe_sequences: ProbeSequences) -> Backends[EncoderBackend]:
        """Return the backends that fit a transformers model."""
        return seq2seq_backends(model, probe_sequences, self.start)

    def plan_all(
        self,
        runtime: ModelRuntime[EncoderBackend],
        requests: Sequence[ScoringRequest],
        scoring: Scoring,
    ) -> BatchPlan:
        """Plan texts whose answers differ; each text is encoded once."""
        width = width_of(requests)
        texts = [text for request in requests for text in request.texts]
        encoded = self.form.encode(texts, runtime.tokens, runtime.limit)
        names = iter([tuple(name for name, _ in text.slot_contexts) for text in encoded])
        by_text: list[Completions] = []
        for request in requests:
            by_names: dict[tuple[str, ...], Completions] = {}
            for of_text in islice(names, len(request.texts)):
                if of_text not in by_names:
                    by_names[of_text] = self._completions(
                        runtime, of_text, request.answers, scoring, width
                    )
                by_text.append(by_names[of_text])
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
        encoded = self.form.encode(texts, runtime.tokens, runtime.limit)
        return [text.ids for text in encoded]

    def prompt_ids(self, runtime: ModelRuntime[EncoderBackend], filled: Filled) -> list[int]:
        """Return the ids that the encoder reads, with its sentinels."""
        (ids,) = runtime.tokens.encode([self.form.line(filled)])
        return insert_triggers(ids, filled)

    def generation_ids(
        self, runtime: ModelRuntime[EncoderBackend], texts: Sequence[Filled], tokens: int
    ) -> list[list[int]]:
        """Return the ids that the encoder reads, of a model that answers in plain text."""
        if self.form.name != "plain":
            raise ModelError(
                f"{runtime.info.spec!r} is read as a model that answers behind sentinels; texts "
                "are written plainly: give `seq2seq_form` plain"
            )
        return self.sequences(runtime, texts, ())

    def _completions(
        self,
        runtime: ModelRuntime[EncoderBackend],
        names: Sequence[str],
        answers: Sequence[Answer],
        scoring: Scoring,
        width: int,
    ) -> Completions:
        """Return what the decoder writes for each of the answers."""
        targets = self.form.targets(names, answers, runtime.tokens, runtime.limit)
        follows, scored = zip(*targets, strict=True)
        answer_divisors = divisors(answers, list(map(len, scored)), scoring.length_norm, width)
        return Completions(continuations(follows, scored, runtime.device), answer_divisors)

    def _assemble(self, _item: EncodedText, completion: Completion) -> tuple[list[int], list[int]]:
        return [self.start, *completion.fill], list(completion.positions)


def _form(tokenizer: Any, sentinels: Sequence[int], spec: str, options: Options) -> Seq2SeqForm:
    """Return the form of the options: by default with sentinels, where there are any."""
    if options.seq2seq_form == "sentinel" and not sentinels:
        raise ModelError(
            f"the tokenizer of {spec!r} has no sentinel tokens (<extra_id_0>, ...); give "
            "`seq2seq_form` plain, or use a T5-like model"
        )
    if sentinels and options.seq2seq_form != "plain":
        return SentinelForm(sentinels, spec)
    if tokenizer.eos_token_id is None:
        raise ModelError(
            f"the tokenizer of {spec!r} has no end token, which ends an answer in plain text; name "
            "it as eos_token in its tokenizer_config.json"
        )
    return PlainForm(int(tokenizer.eos_token_id), spec, bool(sentinels))


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
