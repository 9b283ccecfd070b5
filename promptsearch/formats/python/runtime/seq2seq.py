"""Encoder-decoder models: the decoder writes each answer, behind its slot's sentinel or alone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForSeq2SeqLM

from promptsearch.formats.python.runtime.data import LIMIT
from promptsearch.formats.python.runtime.network import (
    AnswerScorer,
    head_scores,
    load_network,
    sum_log_probs,
)
from promptsearch.formats.python.runtime.prefix import behind
from promptsearch.formats.python.runtime.prompt import Answer, Prompt, Row
from promptsearch.formats.python.runtime.text_model import TextModel
from promptsearch.formats.python.runtime.tokenizer import Tokenizer
from promptsearch.formats.python.runtime.truncate import shorten

# The tokens that stand in the slots, in order; none where answers are plain text.
SENTINELS: list[str] = ["<extra_id_0>"]
# The id of the token that ends a plain answer.
END: int = 1
# The id that the decoder begins with.
START: int = 0


class Seq2SeqModel:
    """An encoder-decoder with its tokenizer."""

    def __init__(self, model: str) -> None:
        self.tokenizer = Tokenizer(model)
        self.network = load_network(AutoModelForSeq2SeqLM, model)

    def answer_scores(self, row: Row, prompt: Prompt) -> tuple[Tensor, Tensor]:
        """Return (answer,) log p of each answer in this row, and its number of tokens."""
        sentinels = dict(zip(prompt.slots.values(), SENTINELS, strict=False))
        marks = {slot: self.tokenizer.names[token] for slot, token in sentinels.items()}
        parts = prompt.fill(row, marks) if SENTINELS else plain(prompt.fill(row, {}))
        texts = shorten(parts, prompt, LIMIT, self.tokenizer.encode)
        with behind(self.network, prompt.prefix, "encoder"):
            encoded = self.network.get_encoder()(torch.tensor([self.tokenizer.encode(texts).ids]))
        if prompt.head:
            ids, scored = self.decoder_ids(sentinels, prompt.answers[0])
            return head_scores(prompt.head, self.state(encoded, ids[: scored[0]], prompt))
        passes: dict[tuple[int, ...], list[tuple[int, int, int]]] = defaultdict(list)
        sizes = []
        for number, answer in enumerate(prompt.answers):
            ids, scored = self.decoder_ids(sentinels, answer)
            passes[tuple(ids[:-1])] += [(i - 1, ids[i], number) for i in scored]
            sizes.append(len(scored))

        def logits(ids: Tensor) -> Tensor:
            with behind(self.network, prompt.prefix, "decoder"):
                output = self.network(encoder_outputs=encoded, decoder_input_ids=ids)
            words: Tensor = output.logits
            return words

        return sum_log_probs(passes, len(sizes), logits), torch.tensor(sizes)

    def prompt_ids(self, row: Row, prompt: Prompt, _tokens: int) -> list[int]:
        """Return the ids that the encoder reads before a text is written."""
        parts = plain(prompt.fill(row, {}))
        return self.tokenizer.encode(shorten(parts, prompt, LIMIT, self.tokenizer.encode)).ids

    def state(self, encoded: Any, ids: Sequence[int], prompt: Prompt) -> Tensor:
        """Return (hidden,) of the decoder at the last of the ids."""
        with behind(self.network, prompt.prefix, "decoder"):
            output = self.network.get_decoder()(
                input_ids=torch.tensor([ids]), encoder_hidden_states=encoded.last_hidden_state
            )
        state: Tensor = output.last_hidden_state[0, -1]
        return state

    def decoder_ids(
        self, sentinels: Mapping[str, str], answer: Answer
    ) -> tuple[list[int], list[int]]:
        """Return what the decoder writes for an answer, and the positions that are scored."""
        if not SENTINELS:
            (text,) = answer.values()
            written = self.tokenizer.encode([text]).ids
            written += [] if written[-1:] == [END] else [END]
            return [START, *written], [*range(1, len(written) + 1)]
        ids: list[int] = [START]
        scored: list[int] = []
        for slot, sentinel in sentinels.items():
            ids.append(self.tokenizer.control_id(sentinel))
            answer_ids = self.tokenizer.text_ids(answer.get(slot, ""))
            scored += range(len(ids), len(ids) + len(answer_ids))
            ids += answer_ids
        return ids, scored


def plain(parts: Sequence[str]) -> list[str]:
    """Return the parts without the slot, which stands last, and the space before it."""
    *before, last = parts[:-1]
    return [*before, last.rstrip(" "), ""]


def load_scorer(model: str) -> AnswerScorer:
    """Load the model."""
    return Seq2SeqModel(model).answer_scores


def load_writer(model: str) -> TextModel:
    """Load the model to write texts with."""
    loaded = Seq2SeqModel(model)
    return TextModel(loaded.network, loaded.prompt_ids, loaded.tokenizer.decode, 1)
