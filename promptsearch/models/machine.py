"""What the families share: a loaded model with its tokens, sizes and limits."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from promptsearch.errors import ModelError
from promptsearch.models import LengthNorm, ModelInfo
from promptsearch.models.encoding import Encoded
from promptsearch.models.head import Outputs
from promptsearch.models.planning import Item, Shape
from promptsearch.models.probes import Probes
from promptsearch.models.tokens import Tokens
from promptsearch.prompt import Answer

UNLIMITED = sys.maxsize


@dataclass(frozen=True, eq=False)
class Machine:
    """A model ready to score. `model` and `tokenizer` are transformers' own."""

    info: ModelInfo
    model: Any
    tokenizer: Any
    tokens: Tokens
    outputs: Outputs
    shape: Shape
    limit: int  # tokens of one sequence
    device: torch.device


def items_of(encoded: Sequence[Encoded], probes: Sequence[Probes]) -> list[Item]:
    """Each distinct text once, with all rows that ask for it."""
    found: dict[tuple[int, ...], Item] = {}
    rows: dict[tuple[int, ...], list[int]] = {}
    for row, (text, asked) in enumerate(zip(encoded, probes, strict=True)):
        key = (id(asked), *text.ids)
        own = rows.setdefault(key, [])
        own.append(row)
        if len(own) == 1:
            found[key] = Item(text.ids, text.slots, asked, own)
    return list(found.values())


def divisors(answers: Sequence[Answer], tokens: Sequence[int], norm: LengthNorm) -> torch.Tensor:
    """(answer,): what each answer's score is divided by; `tokens` are its own numbers of tokens."""
    match norm:
        case "none":
            return torch.ones(len(answers))
        case "token":
            return torch.tensor([float(max(number, 1)) for number in tokens])
        case "char":
            lengths = [sum(len(text) for _, text in answer) for answer in answers]
            return torch.tensor([float(max(length, 1)) for length in lengths])


def require(answers: Sequence[Answer]) -> None:
    """`ModelError` where there is nothing to score."""
    if not answers:
        raise ModelError("there are no answers to score; give every label at least one")


def tokens_of(ids: Mapping[str, tuple[int, ...]]) -> int:
    """An answer's own number of tokens, over all its slots."""
    return sum(map(len, ids.values()))
