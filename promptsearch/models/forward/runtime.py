"""What the families share: a loaded model with its tokens, sizes and limits."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

import torch

from promptsearch.errors import ModelError
from promptsearch.models import LengthNorm, ModelInfo, Options, Question
from promptsearch.models.batching.batch_plan import Item, Shape, Work
from promptsearch.models.batching.completions import Probes
from promptsearch.models.batching.plan import lay_out
from promptsearch.models.forward.position_limits import UNLIMITED
from promptsearch.models.tokenization.encode import Encoded
from promptsearch.models.tokenization.tokenizer import Tokens
from promptsearch.prompt import Answer


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
    opened: "Callable[[], Way | None] | None" = None  # makes a fast way that keeps gradients

    def __deepcopy__(self, memo: object) -> "Machine[Way]":
        """Itself: weights are frozen, so that copies of what holds a model share them."""
        return self

    @property
    def limit(self) -> int:
        """Tokens that one sequence may have."""
        return UNLIMITED if self.info.max_tokens is None else self.info.max_tokens

    @property
    def ranking_dtype(self) -> str:
        """The dtype that `ranking` has; before it is made, the one that is meant."""
        if "ranking" in vars(self):
            return self.ranking.info.dtype
        return "bfloat16" if self.faster else self.info.dtype

    @cached_property
    def ranking(self) -> "Machine[Way]":
        """The same model in a faster dtype; itself where there is none."""
        return (self.faster and self.faster()) or self

    @cached_property
    def open(self) -> "Machine[Way]":
        """The same, passing sequences in ways that keep gradients."""
        if self.opened is None:
            return self
        fast = self.opened()
        packed, shared = fast is not None, fast is not None and fast.shared
        shape = replace(self.shape, packed=packed, shared=shared)
        return replace(self, fast=fast, shape=shape, opened=None, faster=None)

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
    found: list[Item] = []
    rows: dict[object, list[int]] = {}
    for row, (text, asked) in enumerate(zip(encoded, probes, strict=True)):
        ids = tuple(text.ids)
        own = rows.setdefault((id(asked), text.slots, ids), [])
        own.append(row)
        if len(own) == 1:
            found.append(Item(ids, text.slots, asked, own))
    return found


def divisors(
    answers: Sequence[Answer], tokens: Sequence[int], norm: LengthNorm, width: int
) -> torch.Tensor:
    """(width,): what each answer's score is divided by, ones after them.

    `tokens` are the answers' own numbers of tokens.
    """
    by = torch.ones(width)
    if norm == "token":
        by[: len(answers)] = torch.tensor([float(max(number, 1)) for number in tokens])
    if norm == "char":
        lengths = [sum(len(text) for _, text in answer) for answer in answers]
        by[: len(answers)] = torch.tensor([float(max(length, 1)) for length in lengths])
    return by


def width_of(questions: Sequence[Question]) -> int:
    """The most answers that a text has; `ModelError` where there is nothing to score."""
    if not questions or not all(question.answers for question in questions):
        raise ModelError("there are no answers to score; give every label at least one")
    return max(len(question.answers) for question in questions)


def tokens_of(ids: Mapping[str, tuple[int, ...]]) -> int:
    """An answer's own number of tokens, over all its slots."""
    return sum(map(len, ids.values()))
