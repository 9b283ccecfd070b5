"""Small tensors that every loop makes."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from promptsearch.errors import ModelError


def padded(rows: Sequence[Sequence[int]], fill: int, length: int = 0) -> Tensor:
    """Return (row, token) with rows padded on the right to the longest, or to `length`."""
    longest = max(length, *map(len, rows))
    return torch.tensor([[*row, *[fill] * (longest - len(row))] for row in rows])


def present(rows: Sequence[Sequence[int]], length: int = 0) -> Tensor:
    """Return (row, token): 1 where `padded` has a token of the row, 0 where it pads."""
    return padded([[1] * len(row) for row in rows], 0, length)


def word_ids(tokenizer: Any, words: Sequence[str]) -> list[int]:
    """Return the ids of label words with a space before them, a token a word as published."""
    encoded = [tokenizer.encode(" " + word, add_special_tokens=False) for word in words]
    for word, ids in zip(words, encoded, strict=True):
        if len(ids) != 1:
            raise ModelError(
                f"the label word {word!r} is {len(ids)} tokens in this model's vocabulary; the "
                "published loops take words of one token"
            )
    return [ids[0] for ids in encoded]


def lead(tokenizer: Any) -> list[int]:
    """Return the ids that a causal model's tokenizer puts before a text."""
    return list(tokenizer("")["input_ids"])


def framed(tokenizer: Any, ids: Sequence[int]) -> list[int]:
    """Return a masked model's text with the two tokens that its tokenizer puts around it."""
    first, last = tokenizer("")["input_ids"]
    return [first, *ids, last]


def body_and_head(model: Any) -> tuple[nn.Module, nn.Module]:
    """Return the two halves of a masked or causal model: to hidden states, and to logits."""
    body: nn.Module = model.base_model
    (head,) = (child for child in model.children() if child is not body)
    return body, head


def at_words(logits: Tensor, words: Sequence[int]) -> Tensor:
    """Return (text, word) log-probabilities over the full vocabulary, from logits (text, word)."""
    return logits.float().log_softmax(-1)[:, list(words)].cpu()
