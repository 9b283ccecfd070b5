"""Answers that a model samples to an instruction, reproducible by seed."""

from collections.abc import Sequence
from typing import Any, cast

import torch

from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel
from promptsearch.models.frozen_model import FrozenModel

LONGEST = 64  # tokens of an answer


@torch.inference_mode()
def sample_texts(
    model: LanguageModel, request: str, count: int, seed: int, top_p: float = 0.95
) -> list[str]:
    """Return `count` answers to a request, which a chat template wraps if there is one."""
    runtime = cast(FrozenModel[Any], model).runtime
    ids = _request_ids(runtime.tokenizer, request).to(runtime.device)
    causal = model.info.family == "causal"
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        generated = runtime.model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=True,
            top_p=top_p,
            num_return_sequences=count,
            max_new_tokens=_room(model, runtime.limit - ids.shape[1]) if causal else LONGEST,
            pad_token_id=_padding(runtime.tokenizer),
        )
    if causal:
        generated = generated[:, ids.shape[1] :]
    return [
        str(text) for text in runtime.tokenizer.batch_decode(generated, skip_special_tokens=True)
    ]


def _request_ids(tokenizer: Any, request: str) -> torch.Tensor:
    """Return (1, token)."""
    if tokenizer.chat_template is None:
        ids = tokenizer(request)["input_ids"]
    else:
        chat = [{"role": "user", "content": request}]
        text = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return torch.tensor([list(ids)])


def _room(model: LanguageModel, remaining: int) -> int:
    """Return how many tokens an answer may have."""
    if remaining < 1:
        raise ModelError(
            f"what is asked leaves {model.info.spec!r} no room to answer ({model.info.max_tokens} "
            "tokens in all); use a model that reads longer texts"
        )
    return min(LONGEST, remaining)


def _padding(tokenizer: Any) -> int | None:
    candidates: Sequence[int | None] = (tokenizer.pad_token_id, tokenizer.eos_token_id)
    return next((token for token in candidates if token is not None), None)
