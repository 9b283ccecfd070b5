"""Encoder-decoder models (T5, ...): the slots are sentinels, the decoder writes the answers."""

from collections.abc import Iterator, Sequence
from functools import cached_property

from promptsearch.errors import ModelError
from promptsearch.models import (
    ScoredTexts,
    LanguageModel,
    ModelInfo,
    Options,
    Plan,
    ScoringRequest,
    Scoring,
    WhiteBox,
)
from promptsearch.models.batching.batch_plan import EncodedText, BatchPlan
from promptsearch.models.batching.completions import Completion, Completions, continuations
from promptsearch.models.forward.backends import ForwardBackend
from promptsearch.models.forward.encoder_decoder import EncoderBackend
from promptsearch.models.forward.runtime import ModelRuntime, divisors, items_of, width_of
from promptsearch.models.forward.score import ForwardRecipe, run, work_of
from promptsearch.models.gradients.white_box import FamilyWhiteBox
from promptsearch.models.tokenization import vocabulary
from promptsearch.models.tokenization.encode import encode, line_of, slot_contexts
from promptsearch.models.tokenization.vocabulary import unknown_share, words, written
from promptsearch.prompt import Answer, Filled


class Seq2SeqModel:
    """Scores answers after their sentinels; each text is encoded once."""

    def __init__(
        self, machine: ModelRuntime[EncoderBackend], sentinels: Sequence[int], start: int
    ) -> None:
        self.machine = machine
        self.sentinels = sentinels
        self.start = start  # the token that a decoder begins with

    @property
    def info(self) -> ModelInfo:
        return self.machine.info

    @property
    def options(self) -> Options:
        """What it was loaded with."""
        return self.machine.options

    @property
    def ranking_dtype(self) -> str:
        """The dtype of the ranker."""
        return self.machine.ranking_dtype

    @cached_property
    def fast_model(self) -> LanguageModel:
        """The same model in a faster dtype; itself where there is none."""
        machine = self.machine.fast_runtime
        return self if machine is self.machine else self.over(machine)

    def plan(
        self, texts: Sequence[Filled], answers: Sequence[Answer], scoring: Scoring
    ) -> BatchPlan:
        """Tokenise, sort and batch; `ModelError` where a text or an answer cannot be held."""
        return self.plan_all([ScoringRequest(texts, answers)], scoring)

    def plan_all(self, questions: Sequence[ScoringRequest], scoring: Scoring) -> BatchPlan:
        """The same for texts with answers of their own."""
        machine, width = self.machine, width_of(questions)
        texts = [text for question in questions for text in question.texts]
        encoded = encode(texts, machine.tokens, self.sentinels, lambda _: machine.limit)
        probes: list[Completions] = []
        for question in questions:
            known: dict[tuple[str, ...], Completions] = {}
            for names in map(_names, question.texts):
                if names not in known:
                    known[names] = self._probes(names, question.answers, scoring, width)
                probes.append(known[names])
        return machine.plan_batches(items_of(encoded, probes), once=True)

    def run(self, plan: Plan) -> Iterator[ScoredTexts]:
        """Every text exactly once, in blocks of any order."""
        work = work_of(plan)
        return run(work, self.procedure(work), self.machine.device)

    def procedure(self, work: BatchPlan) -> ForwardRecipe:
        """How the plan's sequences are put together, and what passes them."""
        reader = self.machine.backend_for(work)

        def prepare(block: Sequence[EncodedText]) -> ForwardBackend:
            return reader.decoder_for([item.ids for item in block])

        return ForwardRecipe(self._assemble, prepare)

    def over(self, machine: ModelRuntime[EncoderBackend]) -> "Seq2SeqModel":
        """The same on another machine."""
        return Seq2SeqModel(machine, self.sentinels, self.start)

    @cached_property
    def white_box(self) -> WhiteBox:
        """Its tokens and gradients."""
        return FamilyWhiteBox(self)

    def sequences(self, texts: Sequence[Filled], answer: Answer) -> list[list[int]]:
        """The ids that the encoder reads."""
        tokens, limit = self.machine.tokens, self.machine.limit
        return [text.ids for text in encode(texts, tokens, self.sentinels, lambda _: limit)]

    @property
    def without_chat(self) -> LanguageModel:
        """Itself: it reads no chats."""
        return self

    def rendered(self, filled: Filled) -> str:
        """The text as the encoder reads it, with its sentinels."""
        (ids,) = self.machine.tokens.encode([line_of(filled, self.sentinels)])
        return written(self.machine.tokenizer, ids)

    def vocabulary_words(self) -> list[str]:
        """The whole words of the vocabulary: each is one token."""
        return words(self.machine.tokenizer, self.machine.tokens)

    def unknown_share(self, texts: Sequence[str]) -> float:
        """Share of the characters that fall to the unknown token, in [0, 1]."""
        return unknown_share(self.machine.tokenizer.unk_token_id, self.machine.tokens, texts)

    def answer_ids(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """The ids of answers where a space stands before their slot."""
        return vocabulary.answer_ids(self.machine.tokens, texts)

    def _check(self, names: Sequence[str]) -> None:
        if len(names) > len(self.sentinels):
            raise ModelError(
                f"the template has {len(names)} slots, but the tokenizer of {self.info.spec!r} has "
                f"{len(self.sentinels)} sentinels; use fewer slots"
            )

    def _probes(
        self, names: Sequence[str], answers: Sequence[Answer], scoring: Scoring, width: int
    ) -> Completions:
        """What the decoder writes: sentinel, answer, sentinel, answer; the answers count."""
        self._check(names)
        texts = list(dict.fromkeys(text for answer in answers for _, text in answer))
        ids = dict(zip(texts, self._answer_ids(texts), strict=True))
        follows, scored = [], []
        for answer in answers:
            follow, positions = self._target(names, {slot: ids[text] for slot, text in answer})
            follows.append(follow)
            scored.append(positions)
        answer_divisors = divisors(answers, list(map(len, scored)), scoring.length_norm, width)
        device = self.machine.device
        return Completions(continuations(follows, scored, device), answer_divisors)

    def _answer_ids(self, texts: Sequence[str]) -> list[list[int]]:
        encoded = self.machine.tokens.encode([(text,) for text in texts], special=False)
        for text, ids in zip(texts, encoded, strict=True):
            if not ids:
                raise ModelError(
                    f"the answer {text!r} has no tokens in this model's vocabulary; use another"
                )
        return encoded

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

    def _assemble(self, _item: EncodedText, probe: Completion) -> tuple[list[int], list[int]]:
        return [self.start, *probe.fill], list(probe.positions)


def _names(filled: Filled) -> tuple[str, ...]:
    return tuple(name for name, _ in slot_contexts(filled))
