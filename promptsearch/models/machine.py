"""What the families share: a loaded model with its tokens, sizes and limits."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

import torch

from promptsearch.errors import ModelError
from promptsearch.models import LengthNorm, ModelInfo, Options
from promptsearch.models.encoding import Encoded
from promptsearch.models.planning import lay_out
from promptsearch.models.probes import Probes
from promptsearch.models.tokens import Tokens
from promptsearch.models.work import Item, Shape, Work
from promptsearch.prompt import Answer

UNLIMITED = sys.maxsize


class Sharing(Protocol):
    """How sequences pass: `Passes`, or a `Reader` of an encoder-decoder."""

    @property
    def shared(self) -> bool: ...


Way = TypeVar("Way", bound=Sharing)


@dataclass(frozen=True, eq=False)
class Machine(Generic[Way]):
    """A model ready to score. `model` and `tokenizer` are transformers' own."""

    info: ModelInfo
    options: Options
    model: Any
    tokenizer: Any
    tokens: Tokens
    plain: Way
    fast: Way | None  # gives what `plain` gives, for sequences of `window` tokens or fewer
    window: int
    shape: Shape
    device: torch.device
    faster: "Callable[[], Machine[Way] | None] | None" = None  # makes the same in a faster dtype

    @property
    def limit(self) -> int:
        """Tokens that one sequence may have."""
        return UNLIMITED if self.info.max_tokens is None else self.info.max_tokens

    @property
    def ranking_dtype(self) -> str:
        """The dtype that `ranking` has."""
        return "bfloat16" if self.faster else self.info.dtype

    @cached_property
    def ranking(self) -> "Machine[Way]":
        """The same model in a faster dtype; itself where there is none."""
        return (self.faster and self.faster()) or self

    def lay_out(self, items: Sequence[Item], once: bool = False) -> Work:
        """The plan for these items: packed, unless one of them is too long for it."""
        longest = max((len(item.ids) + item.probes.longest for item in items), default=0)
        fits = self.fast is not None and longest <= self.window
        shape = self.shape if fits else replace(self.shape, packed=False, shared=False)
        return lay_out(items, shape, once)

    def way(self, work: Work) -> Way:
        """The way that the plan is made for."""
        return self.fast if self.fast is not None and work.shape.packed else self.plain


def items_of(encoded: Sequence[Encoded], probes: Sequence[Probes]) -> list[Item]:
    """Each distinct text once, with all rows that ask for it."""
    found: dict[tuple[int, ...], Item] = {}
    rows: dict[tuple[int, ...], list[int]] = {}
    for row, (text, asked) in enumerate(zip(encoded, probes, strict=True)):
        key = (id(asked), *text.ids)
        own = rows.setdefault(key, [])
        own.append(row)
        if len(own) == 1:
            found[key] = Item(key[1:], text.slots, asked, own)
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
