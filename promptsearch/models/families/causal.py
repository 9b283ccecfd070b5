"""Causal language models (GPT, Llama, ...): the answer and what follows, given what is before."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

from promptsearch.models import (
    ScoredTexts,
    LanguageModel,
    LengthNorm,
    ModelInfo,
    Options,
    Plan,
    ScoringRequest,
    Scoring,
    WhiteBox,
)
from promptsearch.models.batching.batch_plan import EncodedText, BatchPlan
from promptsearch.models.batching.completions import Completion, Completions, continuations
from promptsearch.models.families.causal_completions import EncodedAnswer, AnswerEncoder
from promptsearch.models.forward.backends import ForwardBackend
from promptsearch.models.forward.runtime import ModelRuntime, divisors, items_of, width_of
from promptsearch.models.forward.score import ForwardRecipe, run, work_of
from promptsearch.models.gradients.white_box import FamilyWhiteBox
from promptsearch.models.tokenization import vocabulary
from promptsearch.models.tokenization.chat import Raw, Writer
from promptsearch.models.tokenization.encode import Encoded
from promptsearch.models.tokenization.vocabulary import unknown_share, words, written
from promptsearch.prompt import Answer, Filled


class CausalModel:
    """Scores the answer and the text after the slot, given everything before."""

    def __init__(self, machine: ModelRuntime[ForwardBackend], writer: Writer, begin: int) -> None:
        self.machine = machine
        self.writer = writer
        self.begin = begin  # what an answer at the very start is conditioned on

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
        width, norm = width_of(questions), scoring.length_norm
        sequels = self._sequels(norm == "token")
        prefixes: list[tuple[list[int], Completions]] = []
        for question in questions:
            sharing = SharedCompletions(question.answers, norm, self.begin, self.machine, width)
            prefixes += (sharing.of(each) for each in sequels.of(question.texts, question.answers))
        encoded = [Encoded(prefix, (), ()) for prefix, _ in prefixes]
        return self.machine.plan_batches(items_of(encoded, [probes for _, probes in prefixes]))

    def run(self, plan: Plan) -> Iterator[ScoredTexts]:
        """Every text exactly once, in blocks of any order."""
        work = work_of(plan)
        return run(work, self.procedure(work), self.machine.device)

    def procedure(self, work: BatchPlan) -> ForwardRecipe:
        """How the plan's sequences are put together, and what passes them."""
        passes = self.machine.backend_for(work)
        return ForwardRecipe(_assemble, lambda _: passes)

    def over(self, machine: ModelRuntime[ForwardBackend]) -> "CausalModel":
        """The same on another machine."""
        return CausalModel(machine, self.writer, self.begin)

    @cached_property
    def white_box(self) -> WhiteBox:
        """Its tokens and gradients."""
        return FamilyWhiteBox(self)

    def sequences(self, texts: Sequence[Filled], answer: Answer) -> list[list[int]]:
        """The ids that the model reads, with this answer in the slots."""
        return [list(encoded.ids) for (encoded,) in self._sequels(False).of(texts, [answer])]

    @property
    def without_chat(self) -> LanguageModel:
        """The same model, reading prompts as they are."""
        info = replace(self.info, chat=None)
        return CausalModel(replace(self.machine, info=info), Raw(), self.begin)

    def rendered(self, filled: Filled) -> str:
        """The text as the model reads it up to the answer, special tokens written out."""
        return written(self.machine.tokenizer, self._sequels(False).before(filled))

    def vocabulary_words(self) -> list[str]:
        """The whole words of the vocabulary: each is one token."""
        return words(self.machine.tokenizer, self.machine.tokens)

    def unknown_share(self, texts: Sequence[str]) -> float:
        """Share of the characters that fall to the unknown token, in [0, 1]."""
        return unknown_share(self.machine.tokenizer.unk_token_id, self.machine.tokens, texts)

    def answer_ids(self, texts: Sequence[str]) -> list[tuple[int, ...]]:
        """The ids of answers where a space stands before their slot."""
        return vocabulary.answer_ids(self.machine.tokens, texts)

    def _sequels(self, counted: bool) -> AnswerEncoder:
        return AnswerEncoder(self.machine.tokens, self.writer, self.machine.limit, counted)


def _assemble(item: EncodedText, probe: Completion) -> tuple[list[int], list[int]]:
    """The text and its continuation; place i is predicted by the token before it."""
    before = len(item.ids) - 1
    return [*item.ids, *probe.fill], [before + position for position in probe.positions]


class SharedCompletions:
    """The probes of one call; texts whose answers continue them with equal ids share theirs."""

    def __init__(
        self,
        answers: Sequence[Answer],
        norm: LengthNorm,
        begin: int,
        machine: ModelRuntime[ForwardBackend],
        width: int,
    ) -> None:
        self._answers, self._norm, self._begin, self._machine = answers, norm, begin, machine
        self._width = width
        self._known: dict[object, Completions] = {}

    def of(self, sequels: Sequence[EncodedAnswer]) -> tuple[list[int], Completions]:
        """The ids that all answers share, and what to ask after them."""
        ids: list[tuple[int, ...]] = [sequel.ids for sequel in sequels]
        firsts = [sequel.first for sequel in sequels]
        if min(firsts) == 0:
            ids = [(self._begin, *answer_ids) for answer_ids in ids]
            firsts = [first + 1 for first in firsts]
        shared = min(_agreeing(ids), *firsts)
        follows = tuple(answer_ids[shared:] for answer_ids in ids)
        starts = tuple(first - shared for first in firsts)
        key = (follows, starts, tuple(sequel.token_count for sequel in sequels))
        if key not in self._known:
            self._known[key] = self._make(*key)
        return list(ids[0][:shared]), self._known[key]

    def _make(
        self, follows: Sequence[Sequence[int]], starts: Sequence[int], token_counts: Sequence[int]
    ) -> Completions:
        scored = [range(a, len(follow)) for a, follow in zip(starts, follows, strict=True)]
        probes = continuations(follows, scored, self._machine.device)
        return Completions(probes, divisors(self._answers, token_counts, self._norm, self._width))


def _agreeing(ids: Sequence[tuple[int, ...]]) -> int:
    """How many first ids are the same in all."""
    low, high = min(ids), max(ids)
    pairs = enumerate(zip(low, high, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(low), len(high)))
