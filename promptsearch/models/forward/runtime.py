"""The runtime of a loaded model: weights, tokenizer, backends, sizes and limits."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import nn

from promptsearch.errors import ModelError
from promptsearch.models import LengthNorm, ModelInfo, Options, ScoringRequest
from promptsearch.models.batching.batch_plan import (
    BatchLimits,
    BatchPlan,
    EncodedText,
    plan_batches,
)
from promptsearch.models.batching.completions import Completions
from promptsearch.models.tokenization.encode import Encoded
from promptsearch.models.tokenization.tokenizer import Tokens
from promptsearch.prompt import Answer

UNLIMITED = sys.maxsize
_NONE = 1 << 24  # tokenizers without a limit say 1e30
# What configurations call their positions; MPT and LED have names of their own.
_POSITIONS = ("max_position_embeddings", "max_seq_len", "max_encoder_position_embeddings")


def limit_of(model: Any, tokenizer: Any) -> int:
    """Return the tokens of one sequence that the model's positions and the tokenizer allow."""
    stated = (map(stated_limit, settings(model, name)) for name in _POSITIONS)
    positions = [min(limits) for each in stated if (limits := [n for n in each if n])]
    limits = [UNLIMITED, *(limit - reserved(model) for limit in positions[:1])]
    if length := stated_limit(tokenizer.model_max_length):
        limits.append(length)
    return min(limits)


def settings(model: Any, name: str) -> list[Any]:
    """Return the values of a setting: one, or one a layer if layers differ in their settings."""
    config = model.config.get_text_config()
    is_mixed = getattr(config, "is_heterogeneous", False)
    layers = config.per_layer_config if is_mixed else [config]
    return [getattr(layer, name, None) for layer in layers]


def stated_limit(value: object) -> int | None:
    """Return a limit that a file states; None for those that are none: 0, 1e30, text, NaN.

    Files of hand also have "512".
    """
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 1 <= value < _NONE else None


def reserved(model: nn.Module) -> int:
    """Return the positions before the first token: RoBERTa begins after its padding index."""
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding):
            return 0 if module.padding_idx is None else module.padding_idx + 1
    return 0


def window_of(model: Any) -> int:
    """Return the longest sequence in which no window of local attention hides a token.

    Configurations list the windows; for longer sequences only the model's own attention is right.
    """
    names = ("sliding_window", "local_attention", "attention_window", "attention_chunk_size")
    windows_in_config = [value for name in names for value in settings(model, name)]
    flat = [w for g in windows_in_config for w in (g if isinstance(g, list | tuple) else [g])]
    windows = [width // 2 for width in flat if isinstance(width, int) and width > 0]
    return min(windows, default=UNLIMITED)


class AnyBackend(Protocol):
    """A `ForwardBackend`, or an `EncoderBackend` of an encoder-decoder."""

    @property
    def shares_prefixes(self) -> bool:
        """True if common prefixes pass through the model once."""
        ...


Backend = TypeVar("Backend", bound=AnyBackend)


@dataclass(frozen=True, eq=False)
class ModelRuntime(Generic[Backend]):
    """A model ready to score. `model` and `tokenizer` are transformers' own."""

    info: ModelInfo
    options: Options
    model: Any
    tokenizer: Any
    tokens: Tokens
    plain: Backend
    fast: Backend | None  # has the outputs of `plain` for sequences of up to `window` tokens
    window: int
    batch_limits: BatchLimits
    device: torch.device
    # Creates the runtime of a copy in a faster dtype.
    make_fast: "Callable[[], ModelRuntime[Backend] | None] | None" = None
    # Creates a fast backend that records gradients; if None, `fast` records them.
    gradient_backend: "Callable[[], Backend | None] | None" = None
    # Whether options are blind to one another, and positions begin anew: see `OptionTokens`.
    option_form: tuple[bool, bool] = (True, True)

    def __deepcopy__(self, memo: object) -> "ModelRuntime[Backend]":
        """Return the runtime itself: weights are frozen, so that copies share them."""
        return self

    @property
    def limit(self) -> int:
        """Tokens that one sequence may have."""
        return UNLIMITED if self.info.max_tokens is None else self.info.max_tokens

    @property
    def ranking_dtype(self) -> str:
        """The dtype of `fast_runtime`; before that is created, the intended one."""
        if "fast_runtime" in vars(self):
            return self.fast_runtime.info.dtype
        return "bfloat16" if self.make_fast else self.info.dtype

    @cached_property
    def fast_runtime(self) -> "ModelRuntime[Backend]":
        """The runtime of a copy in a faster dtype; itself if there is none."""
        return (self.make_fast and self.make_fast()) or self

    @cached_property
    def for_options(self) -> "ModelRuntime[Backend]":
        """The runtime for sequences with options. Raises ModelError if there is none."""
        from promptsearch.models.forward.option_forward import option_runtime

        return option_runtime(self)

    @cached_property
    def with_gradients(self) -> "ModelRuntime[Backend]":
        """The runtime with backends that record gradients."""
        if self.gradient_backend is None:
            return self
        fast = self.gradient_backend()
        packed, shares_prefixes = fast is not None, fast is not None and fast.shares_prefixes
        limits = replace(self.batch_limits, packed=packed, shares_prefixes=shares_prefixes)
        return replace(self, fast=fast, batch_limits=limits, gradient_backend=None, make_fast=None)

    def reads_like(self, runtime: "ModelRuntime[Backend]") -> bool:
        """Return True if both runtimes create equal completions of equal answers."""
        return self.tokens is runtime.tokens and (self.limit, self.device) == (
            runtime.limit,
            runtime.device,
        )

    def plan_batches(
        self, items: Sequence[EncodedText], encoder_decoder: bool = False
    ) -> BatchPlan:
        """Return a plan of these texts: packed, unless one of them is too long for it."""
        longest = max((len(item.ids) + item.completions.longest for item in items), default=0)
        fits = self.fast is not None and longest <= self.window
        limits = (
            self.batch_limits
            if fits
            else replace(self.batch_limits, packed=False, shares_prefixes=False)
        )
        return plan_batches(items, limits, encoder_decoder)

    def backend_for(self, plan: BatchPlan) -> Backend:
        """Return the backend that the plan was laid out for."""
        return self.fast if self.fast is not None and plan.limits.packed else self.plain


def distinct_texts(encoded: Sequence[Encoded], by_row: Sequence[Completions]) -> list[EncodedText]:
    """Return each distinct text once, with all its rows."""
    items: list[EncodedText] = []
    rows: dict[object, list[int]] = {}
    for row, (text, completions) in enumerate(zip(encoded, by_row, strict=True)):
        ids = tuple(text.ids)
        rows_of_text = rows.setdefault((id(completions), text.slots, ids), [])
        rows_of_text.append(row)
        if len(rows_of_text) == 1:
            items.append(EncodedText(ids, text.slots, completions, rows_of_text))
    return items


def divisors(
    answers: Sequence[Answer], tokens: Sequence[int], norm: LengthNorm, width: int
) -> torch.Tensor:
    """Return (width,): the divisor of each answer's score, then ones.

    `tokens` are the answers' token counts.
    """
    denominators = torch.ones(width)
    if norm == "token":
        denominators[: len(answers)] = torch.tensor([float(max(number, 1)) for number in tokens])
    if norm == "char":
        lengths = [sum(len(text) for _, text in answer) for answer in answers]
        denominators[: len(answers)] = torch.tensor([float(max(length, 1)) for length in lengths])
    return denominators


def width_of(requests: Sequence[ScoringRequest]) -> int:
    """Return the most answers that a text has. Raise ModelError if there is nothing to score."""
    if not requests or not all(request.answers for request in requests):
        raise ModelError("there are no answers to score; give every label at least one")
    return max(len(request.answers) for request in requests)


def token_count(ids: Mapping[str, tuple[int, ...]]) -> int:
    """Return the token count of an answer, over all its slots."""
    return sum(map(len, ids.values()))
