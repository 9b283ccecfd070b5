"""Masked language models: each token of an answer has a mask, at which it is scored."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain

import torch
from torch import Tensor
from transformers import AutoModelForMaskedLM

from promptsearch.formats.python.runtime.data import LIMIT
from promptsearch.formats.python.runtime.network import (
    head_scores,
    load_network,
    state_at,
    sum_log_probs,
    word_logits,
)
from promptsearch.formats.python.runtime.prompt import HeadPart, Prompt, Row
from promptsearch.formats.python.runtime.tokenizer import Tokenizer
from promptsearch.formats.python.runtime.truncate import shorten

# What stands at the answer's masks before the scored one: its tokens, or masks ("independent").
MULTI_TOKEN: str = "left-to-right"

AnswerIds = Sequence[Sequence[int | None]]  # of each slot; (None,) is one mask, not scored


class MaskedModel:
    """A masked language model with its tokenizer."""

    def __init__(self, model: str) -> None:
        self.tokenizer = Tokenizer(model)
        self.network = load_network(AutoModelForMaskedLM, model)

    def answer_scores(self, row: Row, prompt: Prompt) -> tuple[Tensor, Tensor]:
        """Return (answer,) log p of each answer in this row, and its number of tokens."""
        slots = prompt.slots
        texts = prompt.fill(row, dict.fromkeys(slots.values(), self.tokenizer.mask_name))
        before = {i: "".join(texts[:i]) for i in slots}
        answers = [
            [self.token_ids(answer.get(name), before[i]) for i, name in slots.items()]
            for answer in prompt.answers
        ]
        longest = max(sum(map(len, ids)) for ids in answers)
        room = LIMIT - prompt.prefix_length - longest + len(slots)
        texts = shorten(texts, prompt, room, self.tokenizer.encode)
        if prompt.head:
            return self.head_scores(texts, prompt, prompt.head)
        passes = defaultdict(list)
        for number, ids in enumerate(answers):
            for masked, position, token in self.readings(texts, prompt, ids):
                passes[masked].append((position, token, number))
        sizes = [sum(token is not None for token in chain(*ids)) for ids in answers]
        scores = sum_log_probs(passes, len(answers), word_logits(self.network, prompt))
        return scores, torch.tensor(sizes)

    def head_scores(
        self, texts: list[str], prompt: Prompt, head: HeadPart
    ) -> tuple[Tensor, Tensor]:
        """Return (label,) the scores of each label by the head, which reads one state."""
        ids = self.tokenizer.encode(texts).ids
        mask = next(i for i, token in enumerate(ids) if token == self.tokenizer.mask_id)
        if head.slotless:
            del ids[mask]
        position = 0 if head.reads == "cls" else mask
        return head_scores(head, state_at(self.network, prompt, ids, position))

    def token_ids(self, text: str | None, before: str) -> Sequence[int | None]:
        """Return an answer's ids in a slot behind this text; (None,) if it leaves the slot out."""
        if text is None:
            return (None,)
        if not before:
            return self.tokenizer.text_ids(text)
        space = " " if before[-1].isspace() else ""
        return self.tokenizer.text_ids(self.tokenizer.mask_name + space, text)[1:]

    def readings(
        self, texts: list[str], prompt: Prompt, answer: AnswerIds
    ) -> Iterator[tuple[tuple[int, ...], int, int]]:
        """Yield ids to pass through the model, a position in them, and the token to score there."""
        masks = {
            i: self.tokenizer.mask_name * len(ids)
            for i, ids in zip(prompt.slots, answer, strict=True)
        }
        line = [masks.get(i, text) for i, text in enumerate(texts)]
        ids = self.tokenizer.encode(line).ids
        positions = (i for i, token in enumerate(list(ids)) if token == self.tokenizer.mask_id)
        for position, token in zip(positions, chain(*answer), strict=True):
            if token is not None:
                yield tuple(ids), position, token
                if MULTI_TOKEN == "left-to-right":
                    ids[position] = token
