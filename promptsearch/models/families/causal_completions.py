"""Texts with answers in them, tokenised as the whole strings that they are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from promptsearch.errors import ModelError
from promptsearch.models.tokenization.chat import Writer, EncodedChatText
from promptsearch.models.tokenization.encode import insert_triggers
from promptsearch.models.tokenization.tokenizer import TokenizerInput, Tokens
from promptsearch.models.tokenization.truncate import shortened
from promptsearch.prompt import Answer, Filled

LINES = 8192  # strings tokenised at a time


@dataclass(frozen=True)
class EncodedAnswer:
    """One text with one answer in it."""

    ids: tuple[int, ...]
    first: int  # the answer's first token, with the space before it
    token_count: int  # tokens of the answer's own texts; 1 where nobody asked


@dataclass(frozen=True)
class AnswerEncoder:
    """How texts and answers become ids that the model has room for."""

    tokens: Tokens
    writer: Writer
    limit: int
    counted: bool  # whether the answers' own tokens are asked for

    @property
    def lead(self) -> int:
        """Control tokens before every text."""
        return self.tokens.lead if self.writer.special else 0

    def of(
        self, texts: Sequence[Filled], answers: Sequence[Answer]
    ) -> Iterator[list[EncodedAnswer]]:
        """For each text, what it is with each answer; all answers see the same cut."""
        step = max(LINES // len(answers), 1)
        room = self.limit - (self.lead == 0)  # one for the token that an early slot needs
        for start in range(0, len(texts), step):
            chunk = texts[start : start + step]
            encoded = self._encode_answers(chunk, answers)
            for number, text in enumerate(chunk):
                of_text = encoded[number * len(answers) : (number + 1) * len(answers)]
                while max(len(sequel.ids) for sequel in of_text) > room:
                    sizes = [len(sequel.ids) for sequel in of_text]
                    longest = sizes.index(max(sizes))
                    text = self._cut(text, answers[longest], room)
                    of_text = self._encode_answers([text], answers)
                yield of_text

    def before(self, text: Filled) -> list[int]:
        """Ids of everything before the first slot."""
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
        full = (insert_triggers(ids, texts[i // step]) for i, (ids, _) in enumerate(encoded))
        firsts = (first for _, first in encoded)
        return [
            EncodedAnswer(tuple(ids), *more)
            for ids, *more in zip(full, firsts, token_counts, strict=True)
        ]

    def _token_counts(self, written: Sequence[EncodedChatText]) -> list[int]:
        """Tokens of each answer: up to the first token of what follows, over all slots."""
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
        """Ids without the end token that some tokenizers add, and the first token of a part."""
        special = self.writer.special
        encoded = self.tokens.encode_from(lines, parts, special)
        end = -self.tokens.tail if special and self.tokens.tail else None
        return [(ids[:end], first) for ids, first in encoded]
