"""The model that a file's prompts were found with, loaded again to read them as it did then.

Prompts of a file that names no model, as imported ones, are for the built-in one.
"""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from promptsearch.data import ChatKeys
from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel
from promptsearch.prompt_file.prompts_json import PromptFile


def spec_of(file: PromptFile, override: str | None = None) -> str:
    """Return the override, else the model of the file, else the built-in one."""
    return override or str(file.section("model").get("spec", "builtin"))


def is_own(file: PromptFile, model: LanguageModel) -> bool:
    """Return whether the prompts were found with this model, as far as the file says."""
    return _changed_part(file, model) is None


def _changed_part(file: PromptFile, model: LanguageModel) -> tuple[str, str] | None:
    """Return the key and name of a part of the model that is not as it was; None if all are.

    Other versions of the libraries describe a tokenizer or a configuration in other words.
    """
    saved, info = file.section("model"), model.info.described
    parts = _PARTS if _is_of_these_versions(file) else {"sha256": _PARTS["sha256"]}
    changed = (item for item in parts.items() if saved.get(item[0]) not in (None, info[item[0]]))
    return next(changed, None)


_PARTS = {
    "sha256": "weights are not those",
    "tokenizer_sha256": "tokenizer is not the one",
    "config_sha256": "config.json is not the one",
}


def _is_of_these_versions(file: PromptFile) -> bool:
    before = file.section("versions")
    return all(before.get(name) == version(name) for name in ("transformers", "tokenizers"))


Load = Callable[..., LanguageModel]  # as `load_for`


def model_for(
    file: PromptFile,
    chat: ChatKeys | None,
    override: str | None = None,
    load: Load | None = None,
    /,
    **options: Any,
) -> LanguageModel:
    """Return the given model, or that of the prompts.

    Raises ModelError if that one's weights, tokenizer or configuration changed. Several files share
    what a `load` remembers.

    The prompts' own model has a chat where it had one then, unless `options` (of `load_model`)
    say on or off; the chat is the `told` one, or the one the file tells of. Likewise its form of
    answers and its line breaks.
    """
    from promptsearch.models.loading.load import load_for

    spec, saved = spec_of(file, override), file.section("model")
    if options.get("chat", "auto") == "auto" and "chat" in saved and spec == saved.get("spec"):
        options["chat"] = "on" if saved["chat"] else "off"
    if spec == saved.get("spec"):
        options |= _as_read_then(saved, options)
    model = (load or load_for)(chat or _chat_in(saved), spec, **options)
    if override is None and (changed := _changed_part(file, model)) is not None:
        key, part = changed
        raise ModelError(
            f"{spec}: its {part} the prompts were found with (sha256 "
            f"{str(model.info.described[key])[:12]}, not {str(saved[key])[:12]}); name {spec} as "
            f"the model (`model` {spec}) to use them with it all the same"
        )
    return model


def _as_read_then(
    saved: Mapping[str, object], options: Mapping[str, object]
) -> Mapping[str, object]:
    """Return how the model read texts and answered then, where the options do not say."""
    unsaid = {"seq2seq_form": (None, "auto"), "newline": (None,)}
    return {
        name: saved[name]
        for name, defaults in unsaid.items()
        if name in saved and options.get(name) in defaults
    }


def _chat_in(saved: Mapping[str, object]) -> ChatKeys | None:
    """Return what the model was told around each prompt."""
    chat = saved.get("chat")
    if not isinstance(chat, Mapping):
        return None
    return ChatKeys(chat.get("system"), chat.get("answer_prefix"))
