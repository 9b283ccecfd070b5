"""Masked language models (BERT, RoBERTa, ...): an answer of k tokens stands at k masks."""

from collections.abc import Iterator, Sequence
from functools import cache, cached_property

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
from promptsearch.models.batching.completions import Completion
from promptsearch.models.families.masked_completions import MaskedCompletions
from promptsearch.models.forward.backends import ForwardBackend
from promptsearch.models.forward.runtime import ModelRuntime, items_of, width_of
from promptsearch.models.forward.score import ForwardRecipe, run, work_of
from promptsearch.models.gradients.white_box import FamilyWhiteBox
from promptsearch.models.tokenization import vocabulary
from promptsearch.models.tokenization.encode import SlotContexts, encode, line_of
from promptsearch.models.tokenization.vocabulary import unknown_share, words, written
from promptsearch.prompt import Answer, Filled


class MaskedModel:
    """Scores answers at mask tokens: all of them at once, or from left to right."""

    def __init__(self, machine: ModelRuntime[ForwardBackend], mask: int) -> None:
        self.machine = machine
        self._mask = mask
        self._last: MaskedCompletions | None = None

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
        """The same for texts with answers of their own; all are cut as the longest answer asks."""
        machine, width = self.machine, width_of(questions)
        completions = [
            self._completions(question.answers, scoring, width) for question in questions
        ]
        texts = [text for question in questions for text in question.texts]
        owners = [
            completions_of_text
            for completions_of_text, q in zip(completions, questions, strict=True)
            for _ in q.texts
        ]

        @cache
        def room(slots: SlotContexts) -> int:
            return min(each.room(slots) for each in completions)

        encoded = encode(texts, machine.tokens, [self._mask], room)
        pairs = zip(owners, encoded, strict=True)
        return machine.plan_batches(
            items_of(
                encoded,
                [
                    completions_of_text.probes(text.slot_contexts)
                    for completions_of_text, text in pairs
                ],
            )
        )

    def _completions(
        self, answers: Sequence[Answer], scoring: Scoring, width: int
    ) -> MaskedCompletions:
        """The probes of these answers; the last ones are kept, for thousands take their time."""
        last = self._last
        if last is None or not last.serves(answers, scoring, width):
            last = self._last = MaskedCompletions(answers, scoring, self._mask, self.machine, width)
        return last

    def run(self, plan: Plan) -> Iterator[ScoredTexts]:
        """Every text exactly once, in blocks of any order."""
        work = work_of(plan)
        return run(work, self.procedure(work), self.machine.device)

    def procedure(self, work: BatchPlan) -> ForwardRecipe:
        """How the plan's sequences are put together, and what passes them."""
        passes = self.machine.backend_for(work)
        return ForwardRecipe(_assemble, lambda _: passes)

    def over(self, machine: ModelRuntime[ForwardBackend]) -> "MaskedModel":
        """The same on another machine."""
        return MaskedModel(machine, self._mask)

    @cached_property
    def white_box(self) -> WhiteBox:
        """Its tokens and gradients."""
        return FamilyWhiteBox(self)

    def sequences(self, texts: Sequence[Filled], answer: Answer) -> list[list[int]]:
        """The ids that the model reads, one mask a slot."""
        tokens, limit = self.machine.tokens, self.machine.limit
        return [text.ids for text in encode(texts, tokens, [self._mask], lambda _: limit)]

    @property
    def without_chat(self) -> LanguageModel:
        """Itself: it reads no chats."""
        return self

    def rendered(self, filled: Filled) -> str:
        """The text as the model reads it, one mask a slot, special tokens written out."""
        (ids,) = self.machine.tokens.encode([line_of(filled, [self._mask])])
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


def _assemble(item: EncodedText, probe: Completion) -> tuple[list[int], list[int]]:
    """The text with its slots filled, and the positions to read."""
    ids: list[int] = []
    positions: list[int] = []
    end = first = 0
    for slot, count in zip(item.slots, probe.counts, strict=True):
        ids += item.ids[end:slot]
        positions += range(len(ids), len(ids) + count)
        ids += probe.fill[first : first + count]
        end, first = slot + 1, first + count
    ids += item.ids[end:]
    return ids, [positions[index] for index in probe.positions]
