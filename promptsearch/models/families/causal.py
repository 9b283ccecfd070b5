"""Causal language models (GPT, Llama, ...): an answer and what follows, given what is before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from promptsearch.errors import ModelError
from promptsearch.models import ModelInfo, Options, Scoring, ScoringRequest
from promptsearch.models.batching.batch_plan import BatchPlan, EncodedText
from promptsearch.models.batching.completions import Completion, Completions
from promptsearch.models.families.causal_completions import AnswerEncoder, CausalCompletions
from promptsearch.models.forward.backends import ForwardBackend
from promptsearch.models.forward.runtime import ModelRuntime, distinct_texts, width_of
from promptsearch.models.forward.score import ForwardRecipe
from promptsearch.models.forward.select_backend import Backends, ProbeSequences, causal_backends
from promptsearch.models.tokenization.chat import Raw, Writer, chat_of, template_sha256
from promptsearch.models.tokenization.control_tokens import control_tokens
from promptsearch.models.tokenization.encode import Encoded
from promptsearch.prompt import Answer, Filled


@dataclass(frozen=True)
class CausalFamily:
    """Answers scored with the text after the slot, given everything before."""

    writer: Writer
    begin: int  # the token that an answer at the very start is conditioned on
    chat: Mapping[str, str] | None = None

    @classmethod
    def create(cls, _model: Any, tokenizer: Any, info: ModelInfo, options: Options) -> Self:
        """Raise ModelError if the tokenizer lacks a chat template or a begin token."""
        writer = _writer(tokenizer, info, options)
        chat = None if isinstance(writer, Raw) else _chat_record(tokenizer, options)
        return cls(writer, _begin(tokenizer, info), chat)

    def without_chat(self) -> Self:
        """Return the family that reads prompts as they are."""
        return replace(self, writer=Raw(), chat=None)

    def backends(self, model: Any, probe_sequences: ProbeSequences) -> Backends[ForwardBackend]:
        """Return the backends that fit a transformers model."""
        return causal_backends(model, probe_sequences)

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
        for request in requests:
            shared = CausalCompletions(request.answers, norm, self.begin, runtime.device, width)
            prefixes += (shared.of(each) for each in encoder.encode(request.texts, request.answers))
        encoded = [Encoded(prefix, (), ()) for prefix, _ in prefixes]
        return runtime.plan_batches(distinct_texts(encoded, [shared for _, shared in prefixes]))

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

    def _encoder(self, runtime: ModelRuntime[ForwardBackend], counted: bool) -> AnswerEncoder:
        return AnswerEncoder(runtime.tokens, self.writer, runtime.limit, counted)


def _assemble(item: EncodedText, completion: Completion) -> tuple[list[int], list[int]]:
    """Return the text with its continuation, and the tokens before the positions to predict."""
    before = len(item.ids) - 1
    ids = [*item.ids, *completion.fill]
    return ids, [before + position for position in completion.positions]


def _writer(tokenizer: Any, info: ModelInfo, options: Options) -> Writer:
    has_template = tokenizer.chat_template is not None
    if options.chat == "off" or (options.chat == "auto" and not has_template):
        return Raw()
    if not has_template:
        raise ModelError(f"the tokenizer of {info.spec!r} has no chat template; use --chat off")
    control = control_tokens(tokenizer)
    return chat_of(tokenizer, control, options.chat_system, options.chat_answer_prefix)


def _chat_record(tokenizer: Any, options: Options) -> dict[str, str]:
    parts = {
        "template_sha256": template_sha256(tokenizer),
        "system": options.chat_system,
        "answer_prefix": options.chat_answer_prefix,
    }
    return {name: part for name, part in parts.items() if part is not None}


def _begin(tokenizer: Any, info: ModelInfo) -> int:
    """Return what an answer at the very start follows: the end-of-text token."""
    end = tokenizer.get_added_vocab().get("<|endoftext|>", tokenizer.eos_token_id)
    begin = tokenizer.bos_token_id if end is None else end
    if begin is None:
        raise ModelError(f"the tokenizer of {info.spec!r} has neither an end nor a begin token")
    return int(begin)
