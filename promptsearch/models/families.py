"""From a transformers model and tokenizer to a model that scores."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel, ModelInfo, Options
from promptsearch.models.causal import CausalModel
from promptsearch.models.chat import Raw, Writer, chat_of, template_sha256
from promptsearch.models.head import Outputs
from promptsearch.models.limits import control_tokens, limit_of
from promptsearch.models.machine import Machine
from promptsearch.models.masked import MaskedModel
from promptsearch.models.planning import Shape
from promptsearch.models.seq2seq import Seq2SeqModel
from promptsearch.models.slow_tokens import SlowTokens
from promptsearch.models.tokens import FastTokens, Tokens

CPU_TOKENS, CUDA_TOKENS = 2048, 16384  # of a batch, padding included


def wrap(
    model: Any, tokenizer: Any, info: ModelInfo, options: Options | None = None
) -> LanguageModel:
    """The port for a model and tokenizer in memory; `ModelError` where they lack what it needs."""
    options = options or Options()
    model.eval()
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
    sample = {"input_ids": torch.tensor([[mask, mask, 0]], device=model.device)}
    return MaskedModel(_machine(model, tokenizer, info, options, model.base_model, sample), mask)


def _causal(model: Any, tokenizer: Any, info: ModelInfo, options: Options) -> CausalModel:
    sample = {"input_ids": torch.tensor([[0, 1, 2]], device=model.device), "use_cache": False}
    writer = _writer(tokenizer, info, options)
    if not isinstance(writer, Raw):
        info = replace(info, chat=_chat_record(tokenizer, options))
    machine = _machine(model, tokenizer, info, options, model.base_model, sample)
    return CausalModel(machine, writer, _begin(tokenizer, info))


def _seq2seq(model: Any, tokenizer: Any, info: ModelInfo, options: Options) -> Seq2SeqModel:
    sentinels = _sentinels(tokenizer)
    if not sentinels:
        raise ModelError(
            f"the tokenizer of {info.spec!r} has no sentinel tokens (<extra_id_0>, ...), which "
            "mark the slots of an encoder-decoder; use a T5-like model"
        )
    start = model.config.decoder_start_token_id
    start = tokenizer.pad_token_id if start is None else start
    sample = {
        "input_ids": torch.tensor([[sentinels[0], 0, 1]], device=model.device),
        "decoder_input_ids": torch.tensor([[start, sentinels[0]]], device=model.device),
        "use_cache": False,
    }
    machine = _machine(model, tokenizer, info, options, model.get_decoder(), sample)
    return Seq2SeqModel(machine, sentinels, start)


def _machine(
    model: Any,
    tokenizer: Any,
    info: ModelInfo,
    options: Options,
    body: nn.Module,
    sample: Mapping[str, Any],
) -> Machine:
    control = control_tokens(tokenizer)
    tokens: Tokens = (
        FastTokens(tokenizer.backend_tokenizer, control)
        if tokenizer.is_fast
        else SlowTokens(tokenizer, control)
    )
    outputs = Outputs(model, body, dict(sample))
    shape = _shape(model, outputs.vocabulary, options.batch_tokens)
    limit = limit_of(model, tokenizer)
    return Machine(info, model, tokenizer, tokens, outputs, shape, limit, model.device)


def _shape(model: Any, vocabulary: int, batch_tokens: int | None) -> Shape:
    config = model.config.get_text_config()
    hidden = int(config.hidden_size)
    heads = int(config.num_attention_heads)
    usual = CUDA_TOKENS if model.device.type == "cuda" else CPU_TOKENS
    wide = getattr(config, "intermediate_size", None) or getattr(config, "d_ff", None)
    return Shape(batch_tokens or usual, vocabulary, hidden, int(wide or 4 * hidden), heads)


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


def _sentinels(tokenizer: Any) -> list[int]:
    """Ids of <extra_id_0>, <extra_id_1>, ... as far as they go."""
    known = {**tokenizer.get_vocab(), **tokenizer.get_added_vocab()}
    found: list[int] = []
    while (name := f"<extra_id_{len(found)}>") in known:
        found.append(known[name])
    return found
