"""Texts and answers tokenised jointly, as whole strings, and the completions that they share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from promptsearch.errors import ModelError
from promptsearch.models import LengthNorm
from promptsearch.models.batching.completions import Completions, continuations
from promptsearch.models.forward.runtime import divisors
from promptsearch.models.tokenization.chat import EncodedChatText, Writer
from promptsearch.models.tokenization.encode import insert_triggers
from promptsearch.models.tokenization.tokenizer import TokenizerInput, Tokens
from promptsearch.models.tokenization.truncate import shortened
from promptsearch.prompt import Answer, Filled

LINES = 8192  # strings tokenised at a time


@dataclass(frozen=True)
class EncodedAnswer:
    """The ids of one text with one answer in it."""

    ids: tuple[int, ...]
    first: int  # the answer's first token, with the space before it
    token_count: int  # tokens of the answer's texts; 1 if they are not counted


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
                    of_text = self._encode_answers([text], answers)
                yield of_text

    def prompt_ids(self, text: Filled) -> list[int]:
        """Return the ids of everything before the first slot."""
        written = self.writer.write(text, ())
        return self._encode([written.line[: written.slots[0]]], [0])[0][0]

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
            EncodedAnswer(tuple(ids), *rest)
            for ids, *rest in zip(with_triggers, firsts, token_counts, strict=True)
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
