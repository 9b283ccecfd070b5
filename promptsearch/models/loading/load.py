"""Loading of models by name; transformers and torch are imported by the call, not before."""

from collections.abc import Sequence
from dataclasses import replace
from threading import RLock
from typing import Any

from promptsearch.data import ChatKeys
from promptsearch.errors import ModelError
from promptsearch.models import ChatMode, Dtype, Family, FormMode, LanguageModel, Options
from promptsearch.models.loading.files import find_model_files

# transformers' lazy imports fail in threads that begin them together, and what is written to
# standard error meanwhile is caught for all of them: one thread loads at a time.
_LOADING = RLock()


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
    seq2seq_form: FormMode = "auto",
    newline: str | None = None,
) -> LanguageModel:
    """Return the model of `spec`: builtin, a directory, a hub name, a .gguf file or smollm2.

    `random:` before a spec is that model with random weights, a control.
    `device` is auto, cpu or cuda. `dtype` auto is float32, with a bfloat16 copy to rank with if the
    hardware multiplies that faster. `device_map` "auto" spreads a model that no device holds over
    all of them. `batch_tokens` is the size of a batch. An encoder-decoder answers behind sentinels
    or in plain text (`seq2seq_form`; auto: behind sentinels, if its tokenizer has any). `newline`
    is a character that it reads and writes for line breaks, as PromptCLUE's "_". Raise ModelError,
    in one line and at once, if the model is missing, damaged or of an unknown family.
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
            seq2seq_form=seq2seq_form,
            newline=newline,
        )
    )


def load_beside(model: LanguageModel, spec: str) -> LanguageModel:
    """Return another model on the device of this one, reading no chats."""
    return load(replace(model.options, spec=spec, family=None, chat="off"))


def check_family(option: str, spec: str, allowed: Sequence[Family]) -> None:
    """Raise ModelError if the model is missing or of another family; weights are not read."""
    source = find_model_files(spec)
    with _LOADING:
        from promptsearch.models.loading.pretrained import family_at

        family = family_at(source, Options(spec))
    if family not in allowed:
        raise ModelError(
            f"{option} {spec} is a {family} model; give one that is {' or '.join(allowed)}"
        )


def load_for(chat: ChatKeys | None, spec: str, /, **options: Any) -> LanguageModel:
    """Return the model with a task's chat settings; `options` are those of `load_model`."""
    return load_model(
        spec,
        **options,
        chat_system=chat.system if chat else None,
        chat_answer_prefix=chat.answer_prefix if chat else None,
    )


def reload(options: Options, sha256: str) -> LanguageModel:
    """Return the model of the options, as another process had it.

    Raises ModelError if its weights are not those any more.
    """
    model = load(options)
    if model.info.sha256 != sha256:
        raise ModelError(
            f"{options.spec}: its weights are not those that were pickled (sha256 "
            f"{model.info.sha256[:12]}, not {sha256[:12]}); load it anew and pickle that"
        )
    return model


def load(options: Options) -> LanguageModel:
    """Return the model of the options."""
    source = find_model_files(options.spec)
    with _LOADING:
        from promptsearch.models.loading.pretrained import load

        return load(source, options)
