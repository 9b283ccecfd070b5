"""Wrapping of a transformers model and tokenizer in a model that scores."""

import copyreg
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel, ModelInfo, Options
from promptsearch.models.batching.batch_plan import BatchLimits
from promptsearch.models.families import FAMILIES
from promptsearch.models.forward.body_and_head import UNSUPPORTED_ERRORS, NanOutputsError
from promptsearch.models.forward.linear import in_bfloat16, ranks_in_bfloat16
from promptsearch.models.forward.runtime import (
    UNLIMITED,
    Backend,
    ModelRuntime,
    limit_of,
    settings,
    window_of,
)
from promptsearch.models.forward.select_backend import Backends, ProbeSequences
from promptsearch.models.frozen_model import FrozenModel
from promptsearch.models.loading.embedding_rows import check_rows
from promptsearch.models.loading.load import reload
from promptsearch.models.tokenization.cached_tokenizer import CachedTokenizer, cuttable
from promptsearch.models.tokenization.control_tokens import control_tokens
from promptsearch.models.tokenization.slow_tokenizer import SlowTokens
from promptsearch.models.tokenization.tokenizer import FastTokens, Tokens
from promptsearch.models.tokenization.vocabulary import first_ids

_DESCRIBED = ("transformers_version", "_name_or_path", "dtype", "torch_dtype")  # elsewhere
_NO_MATTER = ("use_cache",)  # to scores; training sets it


def config_sha256(model: Any) -> str:
    """Return the hash of the settings that differ from the architecture's defaults."""
    config = model.config.to_diff_dict()
    settings = {key: config[key] for key in config if key not in (*_DESCRIBED, *_NO_MATTER)}
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()


def tokenizer_sha256(tokenizer: Any) -> str:
    """Return the hash of a tokenizer's state, or of the vocabulary of a slow one."""
    if tokenizer.is_fast:
        state: str = tokenizer.backend_tokenizer.to_str()
    else:
        state = repr((type(tokenizer).__name__, sorted(tokenizer.get_vocab().items())))
    return hashlib.sha256(state.encode()).hexdigest()


CPU_TOKENS, CUDA_TOKENS = 2048, 16384  # of a batch, padding included


def wrap(
    model: Any, tokenizer: Any, info: ModelInfo, options: Options | None = None
) -> LanguageModel:
    """Return a model that scores. Raise ModelError if model or tokenizer lack what it needs."""
    options = options or Options()
    model.eval().requires_grad_(False)  # frozen: gradients are of a prompt's tokens
    check_rows(model, tokenizer, info.spec)
    family = FAMILIES[info.family].create(model, tokenizer, info, options)
    info = replace(
        info, chat=family.chat, seq2seq_form=family.seq2seq_form, newline=options.newline
    )
    try:
        return FrozenModel(_runtime(model, tokenizer, info, options, family.backends), family)
    except NanOutputsError:
        raise ModelError(
            f"the model {info.spec!r} gives no numbers (NaN) in {info.dtype}; are its weights "
            "whole? If they are, try `dtype` float32"
        ) from None


def _pickled(model: FrozenModel[Any]) -> tuple[Any, ...]:
    """Return what pickle writes of a model: its options, by which it is loaded again."""
    chat = "off" if model.info.chat is None else model.options.chat
    return reload, (replace(model.options, chat=chat), model.info.sha256)


copyreg.pickle(FrozenModel, _pickled)


def _runtime(
    model: Any,
    tokenizer: Any,
    info: ModelInfo,
    options: Options,
    select: Callable[[Any, ProbeSequences], Backends[Backend]],
) -> ModelRuntime[Backend]:
    limit, window = limit_of(model, tokenizer), window_of(model)
    probe_sequences = ProbeSequences.of(first_ids(tokenizer), min(limit, window))
    backends = select(model, probe_sequences)
    runtime = ModelRuntime(
        info=replace(
            info,
            config_sha256=config_sha256(model),
            tokenizer_sha256=tokenizer_sha256(tokenizer),
            max_tokens=None if limit == UNLIMITED else limit,
            device=model.device.type,
        ),
        options=options,
        model=model,
        tokenizer=tokenizer,
        tokens=_tokens(tokenizer),
        plain=backends.plain,
        fast=backends.fast,
        window=window,
        batch_limits=_limits(model, backends, options.batch_tokens),
        device=model.device,
        gradient_backend=backends.gradient_backend,
    )
    if options.dtype != "auto" or not ranks_in_bfloat16(model):
        return runtime
    return replace(
        runtime, make_fast=partial(_faster, runtime, backends, lambda m: select(m, probe_sequences))
    )


def _faster(
    runtime: ModelRuntime[Backend],
    backends: Backends[Backend],
    select: Callable[[Any], Backends[Backend]],
) -> ModelRuntime[Backend] | None:
    """Return the runtime to rank with; None if bfloat16 or memory for it is missing."""
    info = replace(runtime.info, dtype="bfloat16")
    try:
        if backends.in_dtype is not None:
            fast = backends.in_dtype(torch.bfloat16)
            return replace(runtime, info=info, fast=fast, make_fast=None) if fast else None
        in_lower_precision = select(model := in_bfloat16(runtime.model))
    except UNSUPPORTED_ERRORS:
        return None
    if runtime.fast is not None and in_lower_precision.fast is None:  # padded, it would be slower
        return None
    return replace(
        runtime,
        info=info,
        model=model,
        plain=in_lower_precision.plain,
        fast=in_lower_precision.fast,
        batch_limits=_limits(model, in_lower_precision, runtime.options.batch_tokens),
        make_fast=None,
    )


def _tokens(tokenizer: Any) -> Tokens:
    control = control_tokens(tokenizer)
    if not tokenizer.is_fast:
        return SlowTokens(tokenizer, control)
    tokens = FastTokens(tokenizer.backend_tokenizer, control)
    plain = (token for token in tokenizer.get_vocab() if token not in control)
    return CachedTokenizer(tokens) if cuttable(plain) else tokens


def default_batch_tokens(device: torch.device) -> int:
    """Return the batch size, in tokens, that suits the device."""
    return CUDA_TOKENS if device.type == "cuda" else CPU_TOKENS


def _limits(model: Any, backends: Backends[Backend], batch_tokens: int | None) -> BatchLimits:
    hidden = _largest(model, "hidden_size") or 1024
    feed_forward = _largest(model, "intermediate_size") or _largest(model, "d_ff")
    return BatchLimits(
        batch_tokens or default_batch_tokens(model.device),
        backends.vocabulary,
        hidden,
        feed_forward or 4 * hidden,
        _largest(model, "num_attention_heads") or 1,
        _largest(model, "num_hidden_layers") or 1,
        packed=backends.fast is not None,
        shares_prefixes=backends.fast is not None and backends.fast.shares_prefixes,
    )


def _largest(model: Any, name: str) -> int:
    """Return a size in the configuration, the largest of all layers; 0 if it has none."""
    return max((int(size) for size in settings(model, name) if isinstance(size, int)), default=0)
