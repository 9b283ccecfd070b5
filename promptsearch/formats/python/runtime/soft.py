"""Soft tokens: trained vectors, which the model reads at ids below 0 as if they were words.

The numbers of prefixes and heads are loaded with them.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from struct import unpack
from typing import Any

import torch
from torch import Tensor

from promptsearch.formats.python.runtime.data import STAND_IN, VECTORS, VECTORS_FILE
from promptsearch.formats.python.runtime.prompt import PRIVATE

SOFT_NAME = re.compile(rf"{PRIVATE}<(-\d+)>")


class VectorsError(ValueError):
    """The vectors are missing, or of another model."""


@cache
def load_vectors() -> dict[str, Tensor]:
    """Return what was trained, by its names.

    Raise VectorsError if the file beside this one is not there.
    """
    if not VECTORS_FILE:
        return {name: decoded(*stored) for name, stored in VECTORS.items()}
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = Path(__file__).with_name(VECTORS_FILE)
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise VectorsError(
            f"{file} does not hold the program's vectors ({error}); put the file that was exported "
            "with it there"
        ) from None


def decoded(shape: Sequence[int], text: str) -> Tensor:
    """Return a tensor from base64."""
    data = base64.b64decode(text)
    return torch.tensor(unpack(f"<{len(data) // 4}f", data)).reshape(*shape)


def embed_vectors(network: Any, vectors: Tensor) -> None:
    """Have the network read -1 - i as the i-th of these vectors, (vector, hidden).

    Raise VectorsError if it has another width.
    """
    body = network.get_encoder() if network.config.is_encoder_decoder else network
    embedding = body.get_input_embeddings()
    embed, width = embedding.forward, embedding.weight.shape[1]
    if width != vectors.shape[1]:
        raise VectorsError(
            f"the vectors have {vectors.shape[1]} numbers each, but those of the model's words "
            f"have {width}; give the --model that they were trained for"
        )

    def forward(ids: Tensor) -> Tensor:
        soft = ids < 0
        words: Tensor = embed(ids.masked_fill(soft, 0))
        words[soft] = vectors[-1 - ids[soft]]
        return words

    embedding.forward = forward


def in_words(line: Sequence[str]) -> list[str]:
    """Return the line with words for soft tokens: text beside them is read as beside words."""
    texts: list[str] = []
    for text in line:
        words = f" {STAND_IN}" * len(SOFT_NAME.findall(text))
        texts.append((words if any(texts) else words.lstrip()) if words else text)
    return texts


def soft_ids(line: Sequence[str], ends: Sequence[int], encoding: Any) -> Iterator[tuple[int, int]]:
    """Yield the position of each soft token among the ids, and its own id.

    `encoding` is that of the line in words, in which its texts end at `ends`. Raise ValueError if
    a soft token and the text after it are one word there.
    """
    width = len(f" {STAND_IN}")
    for text, end in zip(line, ends, strict=True):
        for back, number in enumerate(reversed(SOFT_NAME.findall(text))):
            last = end - back * width
            token = encoding.char_to_token(last - 1)
            first, stop = (0, 0) if token is None else encoding.offsets[token]
            if stop != last or first < last - width:
                raise ValueError(
                    "a soft token stands right before the text after it, which would be read as "
                    "part of the same word; begin the text with a space"
                )
            yield token, int(number)
