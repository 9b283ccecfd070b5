"""Causal language models (GPT, Llama, ...): an answer and what follows, given what is before."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING_NAMES

from promptsearch.errors import ModelError
from promptsearch.models import LengthNorm, ModelInfo, Options, Scoring, ScoringRequest
from promptsearch.models.batching.batch_plan import BatchPlan, EncodedText
from promptsearch.models.batching.completions import Completion, Completions, continuations
from promptsearch.models.forward.backends import ForwardBackend
from promptsearch.models.forward.causality import check_causal
from promptsearch.models.forward.runtime import (
    ModelRuntime,
    distinct_texts,
    divisors,
    limit_of,
    width_of,
)
from promptsearch.models.forward.score import ForwardRecipe
from promptsearch.models.forward.select_backend import Backends, ProbeSequences, causal_backends
from promptsearch.models.tokenization.chat import (
    Chat,
    EncodedChatText,
    Raw,
    Writer,
    chat_of,
    template_sha256,
)
from promptsearch.models.tokenization.control_tokens import control_tokens
from promptsearch.models.tokenization.encode import Encoded, insert_triggers
from promptsearch.models.tokenization.tokenizer import TokenizerInput, Tokens
from promptsearch.models.tokenization.truncate import shortened
from promptsearch.models.tokenization.vocabulary import first_ids
from promptsearch.prompt import Answer, Filled, Slot

STAND_IN = "a"  # for what is not written yet
LINES = 8192  # strings tokenised at a time


@dataclass(frozen=True)
class EncodedAnswer:
    """The ids of one text with one answer in it."""

    ids: tuple[int, ...]
    first: int  # the answer's first token, with the space before it
    token_count: int  # tokens of the answer's texts; 1 if they are not counted
    cut: bool = False  # whether the text was shortened


@dataclass(frozen=True)
class AnswerEncoder:
    """Encodes texts with answers into ids that the model has room for."""

    tokens: Tokens
    writer: Writer
    limit: int
    counted: bool  # count the tokens of each answer's texts

    @property
    def lead(self) -> int:
        """Count of control tokens before every text."""
        return self.tokens.lead if self.writer.special else 0

    def encode(
        self, texts: Sequence[Filled], answers: Sequence[Answer]
    ) -> Iterator[list[EncodedAnswer]]:
        """Yield each text with each of the answers, all of them in the same cut of the text."""
        step = max(LINES // len(answers), 1)
        room = self.limit - (self.lead == 0)  # one for the token that an early slot needs
        for start in range(0, len(texts), step):
            chunk = texts[start : start + step]
            encoded = self._encode_answers(chunk, answers)
            for number, text in enumerate(chunk):
                of_text = encoded[number * len(answers) : (number + 1) * len(answers)]
                while max(len(answer.ids) for answer in of_text) > room:
                    sizes = [len(answer.ids) for answer in of_text]
                    longest = sizes.index(max(sizes))
                    text = self._cut(text, answers[longest], room)
                    short = self._encode_answers([text], answers)
                    of_text = [replace(answer, cut=True) for answer in short]
                yield of_text

    def prompt_ids(self, text: Filled) -> list[int]:
        """Return the ids of everything before the first slot."""
        written = self.writer.write(text, ())
        before = text[: next(i for i, part in enumerate(text) if isinstance(part, Slot))]
        return insert_triggers(self._encode([written.line[: written.slots[0]]], [0])[0][0], before)

    def _cut(self, text: Filled, answer: Answer, room: int) -> Filled:
        def write(filled: Filled) -> tuple[TokenizerInput, Sequence[int]]:
            written = self.writer.write(filled, answer)
            return written.line, written.part_starts

        tail = self.tokens.tail if self.writer.special else 0
        return shortened(text, write, self.tokens, room + tail, self.writer.special)

    def _encode_answers(
        self, texts: Sequence[Filled], answers: Sequence[Answer]
    ) -> list[EncodedAnswer]:
        written = [self.writer.write(text, answer) for text in texts for answer in answers]
        encoded = self._encode([each.line for each in written], [each.slots[0] for each in written])
        for number, (ids, first) in enumerate(encoded):
            if first >= len(ids):
                answer = " ".join(text for _, text in answers[number % len(answers)])
                raise ModelError(
                    f"the answer {answer!r} has no tokens in this model's vocabulary; use another"
                )
        token_counts = self._token_counts(written) if self.counted else [1] * len(written)
        step = len(answers)
        with_triggers = (
            insert_triggers(ids, texts[i // step]) for i, (ids, _) in enumerate(encoded)
        )
        firsts = (first for _, first in encoded)
        return [
            EncodedAnswer(tuple(ids), first, count)
            for ids, first, count in zip(with_triggers, firsts, token_counts, strict=True)
        ]

    def _token_counts(self, written: Sequence[EncodedChatText]) -> list[int]:
        """Return the tokens of each answer: up to the first one of what follows, over all slots."""
        counts = [0] * len(written)
        for slot in range(max(len(each.slots) for each in written)):
            having = [i for i, each in enumerate(written) if slot < len(each.slots)]
            lines = [written[i].line for i in having]
            starts = self._encode(lines, [written[i].slots[slot] for i in having])
            ends = self._encode(lines, [written[i].slots[slot] + 1 for i in having])
            for i, (_, start), (_, end) in zip(having, starts, ends, strict=True):
                counts[i] += end - start
        return counts

    def _encode(
        self, lines: Sequence[TokenizerInput], parts: Sequence[int]
    ) -> list[tuple[list[int], int]]:
        """Return ids without the end token that some tokenizers add, and a part's first token."""
        special = self.writer.special
        encoded = self.tokens.encode_from(lines, parts, special)
        end = -self.tokens.tail if special and self.tokens.tail else None
        return [(ids[:end], first) for ids, first in encoded]


class CausalCompletions:
    """The completions of one request, shared by texts that equal ids follow."""

    def __init__(
        self,
        answers: Sequence[Answer],
        norm: LengthNorm,
        begin: int,
        device: torch.device,
        width: int,
    ) -> None:
        self._answers, self._norm, self._begin = answers, norm, begin
        self._device, self._width = device, width
        self._by_ids: dict[object, Completions] = {}

    def of(self, encoded: Sequence[EncodedAnswer]) -> tuple[list[int], Completions]:
        """Return the ids that all answers of a text share, and the completions after them."""
        ids: list[tuple[int, ...]] = [answer.ids for answer in encoded]
        firsts = [answer.first for answer in encoded]
        if min(firsts) == 0:
            ids = [(self._begin, *answer_ids) for answer_ids in ids]
            firsts = [first + 1 for first in firsts]
        shared = min(_common_prefix_length(ids), *firsts)
        follows = tuple(answer_ids[shared:] for answer_ids in ids)
        starts = tuple(first - shared for first in firsts)
        key = (follows, starts, tuple(answer.token_count for answer in encoded))
        if key not in self._by_ids:
            self._by_ids[key] = self._create(*key)
        return list(ids[0][:shared]), self._by_ids[key]

    def _create(
        self, follows: Sequence[Sequence[int]], starts: Sequence[int], token_counts: Sequence[int]
    ) -> Completions:
        scored = [range(a, len(follow)) for a, follow in zip(starts, follows, strict=True)]
        completions = continuations(follows, scored, self._device)
        divisors_of_answers = divisors(self._answers, token_counts, self._norm, self._width)
        return Completions(completions, divisors_of_answers)


def _common_prefix_length(ids: Sequence[tuple[int, ...]]) -> int:
    """Return how many first ids are the same in all sequences."""
    low, high = min(ids), max(ids)
    pairs = enumerate(zip(low, high, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(low), len(high)))


@dataclass(frozen=True)
class CausalFamily:
    """Answers scored with the text after the slot, given everything before."""

    writer: Writer
    begin: int  # the token that an answer at the very start is conditioned on
    chat: Mapping[str, str] | None = None
    seq2seq_form: None = None

    @classmethod
    def create(cls, model: Any, tokenizer: Any, info: ModelInfo, options: Options) -> Self:
        """Raise ModelError if the model looks ahead, or the tokenizer lacks what it needs.

        That is a begin token, and a chat template if one is wanted.
        """
        writer = _writer(tokenizer, info, options)
        chat = None if isinstance(writer, Raw) else _chat_record(tokenizer, writer, options)
        begin = _begin(tokenizer, info)
        room = limit_of(model, tokenizer)
        check_causal(model, first_ids(tokenizer), room, info.spec, _way_out(model))
        return cls(writer, begin, chat)

    def without_chat(self) -> Self:
        """Return the family that reads prompts as they are."""
        return replace(self, writer=Raw(), chat=None)

    def backends(self, model: Any, probe_sequences: ProbeSequences) -> Backends[ForwardBackend]:
        """Return the backends that fit a transformers model."""
        return causal_backends(model, probe_sequences.beginning_with(self.begin))

    def plan_all(
        self,
        runtime: ModelRuntime[ForwardBackend],
        requests: Sequence[ScoringRequest],
        scoring: Scoring,
    ) -> BatchPlan:
        """Plan texts whose answers differ; all answers of a text follow one cut of it."""
        width, norm = width_of(requests), scoring.length_norm
        encoder = self._encoder(runtime, norm == "token")
        prefixes: list[tuple[list[int], Completions]] = []
        cut = False
        for request in requests:
            shared = CausalCompletions(request.answers, norm, self.begin, runtime.device, width)
            for each in encoder.encode(request.texts, request.answers):
                prefixes.append(shared.of(each))
                cut |= each[0].cut
        encoded = [Encoded(prefix, (), ()) for prefix, _ in prefixes]
        texts = distinct_texts(encoded, [shared for _, shared in prefixes])
        return replace(runtime.plan_batches(texts), cut=cut)

    def recipe(self, backend: ForwardBackend) -> ForwardRecipe:
        """Return how planned sequences are assembled, and what passes them."""
        return ForwardRecipe(_assemble, lambda _: backend)

    def sequences(
        self, runtime: ModelRuntime[ForwardBackend], texts: Sequence[Filled], answer: Answer
    ) -> list[list[int]]:
        """Return the ids that the model reads, with this answer in the slots."""
        encoder = self._encoder(runtime, False)
        return [list(encoded.ids) for (encoded,) in encoder.encode(texts, [answer])]

    def prompt_ids(self, runtime: ModelRuntime[ForwardBackend], filled: Filled) -> list[int]:
        """Return the ids up to the answer."""
        return self._encoder(runtime, False).prompt_ids(filled)

    def generation_ids(
        self, runtime: ModelRuntime[ForwardBackend], texts: Sequence[Filled], tokens: int
    ) -> list[list[int]]:
        """Return the ids up to the answer, the space before it left out, as scoring has them."""
        answer = ((slot_of(texts[0]), STAND_IN),)
        encoder = AnswerEncoder(runtime.tokens, self.writer, runtime.limit - tokens, False)
        encoded = (each for (each,) in encoder.encode(texts, [answer]))
        return [list(each.ids[: each.first]) or [self.begin] for each in encoded]

    def _encoder(self, runtime: ModelRuntime[ForwardBackend], counted: bool) -> AnswerEncoder:
        return AnswerEncoder(runtime.tokens, self.writer, runtime.limit, counted)


def slot_of(filled: Filled) -> str:
    """Return the name of the slot that a text ends in. Raises ModelError if it does not."""
    if isinstance(filled[-1], Slot):
        return filled[-1].name
    raise ModelError("a text is written at the end of a prompt; move [Z] to the template's end")


def _assemble(item: EncodedText, completion: Completion) -> tuple[list[int], list[int]]:
    """Return the text with its continuation, and the tokens before the positions to predict."""
    before = len(item.ids) - 1
    ids = [*item.ids, *completion.fill]
    return ids, [before + position for position in completion.positions]


def _writer(tokenizer: Any, info: ModelInfo, options: Options) -> Raw | Chat:
    template = tokenizer.chat_template
    if options.chat == "off" or (options.chat == "auto" and template is None):
        return Raw()
    if template is None:
        raise ModelError(f"the tokenizer of {info.spec!r} has no chat template; use `chat` off")
    if isinstance(template, Mapping) and "default" not in template:
        raise ModelError(
            f"the tokenizer of {info.spec!r} has {len(template)} chat templates "
            f"({', '.join(sorted(template))}) and none of them is its default; use `chat` off"
        )
    control = control_tokens(tokenizer)
    return chat_of(tokenizer, control, info.spec, options.chat_system, options.chat_answer_prefix)


def _chat_record(tokenizer: Any, chat: Chat, options: Options) -> dict[str, str]:
    """Return what results record; of a template that reads the clock, also what it rendered."""
    parts = {
        "template_sha256": template_sha256(tokenizer),
        "system": options.chat_system,
        "answer_prefix": options.chat_answer_prefix,
        "date": chat.date,
        "rendered_sha256": chat.rendered_sha256 if chat.date else None,
    }
    return {name: part for name, part in parts.items() if part is not None}


def _way_out(model: Any) -> str:
    """Return what to do with a model of this type that looks ahead."""
    config, masked = model.config, MODEL_FOR_MASKED_LM_MAPPING_NAMES
    ways = ["give `family` masked"] if config.model_type in masked else []
    ways += [f"set {field} to true in its config.json" for field in _decoder_fields(config)]
    return ", or ".join(ways or ["use another model"])


def _decoder_fields(config: Any) -> list[str]:
    """Return the fields of a configuration that would make its model a decoder."""
    names = ("is_decoder", "causal")
    return [name for name in names if getattr(config, name, None) is False]


def _begin(tokenizer: Any, info: ModelInfo) -> int:
    """Return what an answer at the very start follows: the end-of-text token."""
    end = tokenizer.get_added_vocab().get("<|endoftext|>", tokenizer.eos_token_id)
    begin = tokenizer.bos_token_id if end is None else end
    if begin is None:
        raise ModelError(f"the tokenizer of {info.spec!r} has neither an end nor a begin token")
    return int(begin)
