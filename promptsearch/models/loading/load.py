"""A model from its name. transformers and torch load when this is called, and not before."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from promptsearch.data import ChatKeys
from promptsearch.errors import ModelError
from promptsearch.models import ChatMode, Dtype, Family, LanguageModel, Options
from promptsearch.models.loading.files import find_model_files


def load_model(
    spec: str = "builtin",
    *,
    family: Family | None = None,
    device: str = "auto",
    dtype: Dtype = "auto",
    chat: ChatMode = "auto",
    chat_system: str | None = None,
    chat_answer_prefix: str | None = None,
    device_map: str | None = None,
    batch_tokens: int | None = None,
    trust_remote_code: bool = False,
) -> LanguageModel:
    """The model that `spec` names: builtin, a directory, a hub name, a .gguf file or smollm2.

    `device` is auto, cpu or cuda. `dtype` auto is float32, with a bfloat16 copy to rank with where
    the hardware multiplies that faster. `device_map` "auto" spreads a model that no device holds
    over all of them. `batch_tokens` is the size of a batch. `ModelError`, in one line and at once,
    where the model is missing, damaged or of no family we know.
    """
    return load(
        Options(
            spec=spec,
            family=family,
            device=device,
            dtype=dtype,
            chat=chat,
            chat_system=chat_system,
            chat_answer_prefix=chat_answer_prefix,
            device_map=device_map,
            batch_tokens=batch_tokens,
            trust_remote_code=trust_remote_code,
        )
    )


def load_beside(model: LanguageModel, spec: str) -> LanguageModel:
    """Another model on the device of this one, which reads no chats."""
    return load(replace(model.options, spec=spec, family=None, chat="off"))


def check_family(option: str, spec: str, allowed: Sequence[Family]) -> None:
    """`ModelError` where the model is missing or of another family; its weights are not read."""
    source = find_model_files(spec)
    from promptsearch.models.loading.pretrained import family_at

    if (family := family_at(source, Options(spec))) not in allowed:
        raise ModelError(
            f"{option} {spec} is a {family} model; give one that is {' or '.join(allowed)}"
        )


def load_for(chat: ChatKeys | None, spec: str, /, **options: Any) -> LanguageModel:
    """The model with a task's chat settings; `options` are those of `load_model`."""
    return load_model(
        spec,
        **options,
        chat_system=chat.system if chat else None,
        chat_answer_prefix=chat.answer_prefix if chat else None,
    )


def load(options: Options) -> LanguageModel:
    """The model that the options name."""
    source = find_model_files(options.spec)
    from promptsearch.models.loading.pretrained import load

    return load(source, options)
