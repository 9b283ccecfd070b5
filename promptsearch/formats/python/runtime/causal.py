"""Causal language models: the answer and the text behind it are scored, given all before."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from promptsearch.formats.python.runtime.chat import CHAT, write_line
from promptsearch.formats.python.runtime.data import LIMIT
from promptsearch.formats.python.runtime.network import (
    AnswerScorer,
    head_scores,
    load_network,
    state_at,
    sum_log_probs,
    word_logits,
)
from promptsearch.formats.python.runtime.prompt import PREFIX_END, Answer, Prompt, Row
from promptsearch.formats.python.runtime.text_model import TextModel
from promptsearch.formats.python.runtime.tokenizer import EncodedLine, Tokenizer
from promptsearch.formats.python.runtime.truncate import shorten

# How many tokens the tokenizer puts before and after a text.
LEAD: int = 0
TAIL: int = 0
# The token before an answer that stands at the very start.
BEGIN: str = "<|endoftext|>"


@dataclass(frozen=True)
class EncodedAnswer:
    """A prompt with one answer in it."""

    ids: list[int]
    first: int  # index of the answer's first token
    size: int  # number of the answer's tokens


class CausalModel:
    """A causal language model with its tokenizer."""

    def __init__(self, model: str) -> None:
        self.tokenizer = Tokenizer(model)
        self.network = load_network(AutoModelForCausalLM, model)

    def answer_scores(self, row: Row, prompt: Prompt) -> tuple[Tensor, Tensor]:
        """Return (answer,) log p of each answer in this row, and its number of tokens."""
        passes = defaultdict(list)
        encoded = self.encode_all(prompt.fill(row, {}), prompt)
        if prompt.prefix and prompt.prefix.continues:
            encoded = [behind_end(each) for each in encoded]
        early = min(each.first for each in encoded) == 0
        begin = [self.tokenizer.control_id(BEGIN)] if early else []
        if prompt.head:
            ids = [*begin, *encoded[0].ids[: encoded[0].first]]
            return head_scores(prompt.head, state_at(self.network, prompt, ids, -1))
        for number, each in enumerate(encoded):
            ids = begin + each.ids
            for position in range(len(begin) + each.first, len(ids)):
                passes[tuple(ids[:-1])].append((position - 1, ids[position], number))
        scores = sum_log_probs(passes, len(encoded), word_logits(self.network, prompt))
        return scores, torch.tensor([each.size for each in encoded])

    def prompt_ids(self, row: Row, prompt: Prompt, tokens: int) -> list[int]:
        """Return the ids before a text of up to so many tokens; an answer stands for it."""
        (encoded,) = self.encode_all(prompt.fill(row, {}), prompt, tokens)
        return encoded.ids[: encoded.first] or [self.tokenizer.control_id(BEGIN)]

    def encode_all(self, texts: list[str], prompt: Prompt, tokens: int = 0) -> list[EncodedAnswer]:
        """Encode the texts with each answer, all cut alike, so that the longest has room.

        Room is left for so many tokens more.
        """
        # one token may have to stand before an early answer
        room = LIMIT - prompt.prefix_length - (LEAD == 0) - tokens
        while True:
            encoded = [self.encode(texts, prompt, answer) for answer in prompt.answers]
            sizes = [len(each.ids) for each in encoded]
            if max(sizes) <= room:
                return encoded
            longest = prompt.answers[sizes.index(max(sizes))]
            located = partial(self.located, prompt=prompt, answer=longest)
            texts = shorten(texts, prompt, room + TAIL, located)

    def encode(self, texts: list[str], prompt: Prompt, answer: Answer) -> EncodedAnswer:
        """Encode the texts with one answer."""
        written, index = self.write(texts, prompt, answer)
        line = self.tokenizer.encode(written, special=CHAT is None)
        edges = ((line.starts[index[i]], line.starts[index[i] + 1]) for i in prompt.slots)
        bounds = [(token_at(line, first), token_at(line, end)) for first, end in edges]
        size = sum(end - first for first, end in bounds)
        return EncodedAnswer(line.ids[: len(line.ids) - TAIL], bounds[0][0], max(size, 1))

    def located(self, texts: list[str], prompt: Prompt, answer: Answer) -> EncodedLine:
        """Return the line of the texts with an answer, and where each of them starts in it."""
        written, index = self.write(texts, prompt, answer)
        line = self.tokenizer.encode(written, special=CHAT is None)
        return replace(line, starts=[line.starts[i] for i in index])

    def write(
        self, texts: list[str], prompt: Prompt, answer: Answer
    ) -> tuple[list[str], Sequence[int]]:
        """Return the line of the texts with an answer, and the index in it of each text."""
        slots = prompt.slots
        full = [answer.get(slots[i], "") if i in slots else text for i, text in enumerate(texts)]
        return write_line(full, min(slots), self.tokenizer.names)


def behind_end(encoded: EncodedAnswer) -> EncodedAnswer:
    """Return what follows the end of a prefix, which has all that stands before."""
    start = encoded.ids.index(-1 - PREFIX_END) + 1
    if encoded.first == start:
        raise ValueError("nothing stands between the prefix and the slot; write a text there")
    return EncodedAnswer(encoded.ids[start:], encoded.first - start, encoded.size)


def token_at(line: EncodedLine, start: int) -> int:
    """Return the token of the character at `start`, or of the space before it."""
    if start == 0:
        return LEAD
    for character in range(start - (line.text[start - 1] == " "), len(line.text)):
        token: int | None = line.encoding.char_to_token(character)
        if token is not None:
            return token
    return len(line.ids)


def load_scorer(model: str) -> AnswerScorer:
    """Load the model."""
    return CausalModel(model).answer_scores


def load_writer(model: str) -> TextModel:
    """Load the model to write texts with."""
    loaded = CausalModel(model)
    return TextModel(loaded.network, loaded.prompt_ids, loaded.tokenizer.decode, 0)
