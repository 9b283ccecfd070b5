"""From a transformers model and tokenizer to a model that scores."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel, ModelInfo, Options
from promptsearch.models.batching.batch_plan import BatchLimits
from promptsearch.models.families.causal import CausalModel
from promptsearch.models.families.masked import MaskedModel
from promptsearch.models.families.seq2seq import Seq2SeqModel
from promptsearch.models.forward.body_and_head import UNSUPPORTED_ERRORS
from promptsearch.models.forward.encoder_decoder import seq2seq_ways
from promptsearch.models.forward.equivalence_check import ProbeSequences
from promptsearch.models.forward.linear import in_bfloat16, ranks_in_bfloat16
from promptsearch.models.forward.position_limits import UNLIMITED, limit_of
from promptsearch.models.forward.runtime import ModelRuntime, Backend
from promptsearch.models.forward.select_backend import (
    Backends,
    causal_backends,
    masked_backends,
    window_of,
)
from promptsearch.models.loading.fingerprints import config_sha256, tokenizer_sha256
from promptsearch.models.tokenization.cached_tokenizer import CachedTokenizer, cuttable
from promptsearch.models.tokenization.chat import Raw, Writer, chat_of, template_sha256
from promptsearch.models.tokenization.control_tokens import control_tokens, sentinels_of
from promptsearch.models.tokenization.slow_tokenizer import SlowTokens
from promptsearch.models.tokenization.tokenizer import FastTokens, Tokens

CPU_TOKENS, CUDA_TOKENS = 2048, 16384  # of a batch, padding included


def wrap(
    model: Any, tokenizer: Any, info: ModelInfo, options: Options | None = None
) -> LanguageModel:
    """The port for a model and tokenizer in memory; `ModelError` where they lack what it needs."""
    options = options or Options()
    model.eval().requires_grad_(False)  # frozen: gradients are of a prompt's tokens
    match info.family:
        case "masked":
            return _masked(model, tokenizer, info, options)
        case "causal":
            return _causal(model, tokenizer, info, options)
        case "seq2seq":
            return _seq2seq(model, tokenizer, info, options)


def _masked(model: Any, tokenizer: Any, info: ModelInfo, options: Options) -> MaskedModel:
    mask = tokenizer.mask_token_id
    if mask is None:
        raise ModelError(f"the tokenizer of {info.spec!r} has no mask token; is it a masked model?")
    ways = partial(masked_backends, mask=mask)
    return MaskedModel(_runtime(model, tokenizer, info, options, ways), mask)


def _causal(model: Any, tokenizer: Any, info: ModelInfo, options: Options) -> CausalModel:
    writer = _writer(tokenizer, info, options)
    if not isinstance(writer, Raw):
        info = replace(info, chat=_chat_record(tokenizer, options))
    machine = _runtime(model, tokenizer, info, options, causal_backends)
    return CausalModel(machine, writer, _begin(tokenizer, info))


def _seq2seq(model: Any, tokenizer: Any, info: ModelInfo, options: Options) -> Seq2SeqModel:
    sentinels = sentinels_of(tokenizer)
    if not sentinels:
        raise ModelError(
            f"the tokenizer of {info.spec!r} has no sentinel tokens (<extra_id_0>, ...), which "
            "mark the slots of an encoder-decoder; use a T5-like model"
        )
    start = model.config.decoder_start_token_id
    start = tokenizer.pad_token_id if start is None else start
    ways = partial(seq2seq_ways, start=start, sentinel=sentinels[0])
    return Seq2SeqModel(_runtime(model, tokenizer, info, options, ways), sentinels, start)


def _runtime(
    model: Any,
    tokenizer: Any,
    info: ModelInfo,
    options: Options,
    select: Callable[[Any, ProbeSequences], Backends[Backend]],
) -> ModelRuntime[Backend]:
    limit, window = limit_of(model, tokenizer), window_of(model)
    trial = ProbeSequences.of(_ordinary(tokenizer), min(limit, window))
    backends = select(model, trial)
    machine = ModelRuntime(
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
        return machine
    return replace(
        machine, make_fast=partial(_faster, machine, backends, lambda m: select(m, trial))
    )


def _faster(
    runtime: ModelRuntime[Backend],
    backends: Backends[Backend],
    select: Callable[[Any], Backends[Backend]],
) -> ModelRuntime[Backend] | None:
    """The machine that ranks; none where an operator has no bfloat16, or memory no room."""
    info = replace(runtime.info, dtype="bfloat16")
    try:
        if backends.in_dtype is not None:
            fast = backends.in_dtype(torch.bfloat16)
            return replace(runtime, info=info, fast=fast, make_fast=None) if fast else None
        lower = select(model := in_bfloat16(runtime.model))
    except UNSUPPORTED_ERRORS:
        return None
    if runtime.fast is not None and lower.fast is None:  # padded, it would be slower
        return None
    return replace(
        runtime,
        info=info,
        model=model,
        plain=lower.plain,
        fast=lower.fast,
        batch_limits=_limits(model, lower, runtime.options.batch_tokens),
        make_fast=None,
    )


def _tokens(tokenizer: Any) -> Tokens:
    control = control_tokens(tokenizer)
    if not tokenizer.is_fast:
        return SlowTokens(tokenizer, control)
    tokens = FastTokens(tokenizer.backend_tokenizer, control)
    plain = (token for token in tokenizer.get_vocab() if token not in control)
    return CachedTokenizer(tokens) if cuttable(plain) else tokens


def _ordinary(tokenizer: Any) -> list[int]:
    """Some tokens that are not special."""
    special = set(tokenizer.all_special_ids)
    return [t for t in range(min(len(tokenizer), 1000)) if t not in special] or [0]


def tokens_of_a_batch(device: torch.device) -> int:
    """What suits the device, where nothing else is asked for."""
    return CUDA_TOKENS if device.type == "cuda" else CPU_TOKENS


def _limits(model: Any, backends: Backends[Backend], batch_tokens: int | None) -> BatchLimits:
    config = model.config.get_text_config()
    hidden = int(getattr(config, "hidden_size", 1024))
    wide = getattr(config, "intermediate_size", None) or getattr(config, "d_ff", None)
    return BatchLimits(
        batch_tokens or tokens_of_a_batch(model.device),
        backends.vocabulary,
        hidden,
        int(wide or 4 * hidden),
        int(getattr(config, "num_attention_heads", 1)),
        int(getattr(config, "num_hidden_layers", 1)),
        packed=backends.fast is not None,
        shared=backends.fast is not None and backends.fast.shared,
    )


def _writer(tokenizer: Any, info: ModelInfo, options: Options) -> Writer:
    has = tokenizer.chat_template is not None
    if options.chat == "off" or (options.chat == "auto" and not has):
        return Raw()
    if not has:
        raise ModelError(f"the tokenizer of {info.spec!r} has no chat template; use --chat off")
    control = control_tokens(tokenizer)
    return chat_of(tokenizer, control, options.chat_system, options.chat_answer_prefix)


def _chat_record(tokenizer: Any, options: Options) -> dict[str, str]:
    parts = {
        "template_sha256": template_sha256(tokenizer),
        "system": options.chat_system,
        "answer_prefix": options.chat_answer_prefix,
    }
    return {name: part for name, part in parts.items() if part is not None}


def _begin(tokenizer: Any, info: ModelInfo) -> int:
    """What stands before an answer at the very start: the end-of-text token."""
    end = tokenizer.get_added_vocab().get("<|endoftext|>", tokenizer.eos_token_id)
    begin = tokenizer.bos_token_id if end is None else end
    if begin is None:
        raise ModelError(f"the tokenizer of {info.spec!r} has neither an end nor a begin token")
    return int(begin)
