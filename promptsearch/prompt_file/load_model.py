"""The model that a file's prompts were found with, loaded again to read them as it did then.

Prompts of a file that names no model, as imported ones, are for the built-in one.
"""

from collections.abc import Callable, Mapping
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
    return file.section("model").get("sha256") in (None, model.info.sha256)


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

    Raises ModelError if that one's weights changed. Several files share what a `load` remembers.

    The prompts' own model has a chat where it had one then, unless `options` (of `load_model`)
    say on or off; the chat is the `told` one, or the one the file tells of.
    """
    from promptsearch.models.loading.load import load_for

    spec, saved = spec_of(file, override), file.section("model")
    if options.get("chat", "auto") == "auto" and "chat" in saved and spec == saved.get("spec"):
        options["chat"] = "on" if saved["chat"] else "off"
    model = (load or load_for)(chat or _chat_in(saved), spec, **options)
    if override is None and not is_own(file, model):
        raise ModelError(
            f"{spec}: its weights are not those the prompts were found with (sha256 "
            f"{model.info.sha256[:12]}, not {str(saved['sha256'])[:12]}); name {spec} as the model "
            f"(`model` {spec}) to use them with it all the same"
        )
    return model


def _chat_in(saved: Mapping[str, object]) -> ChatKeys | None:
    """Return what the model was told around each prompt."""
    chat = saved.get("chat")
    if not isinstance(chat, Mapping):
        return None
    return ChatKeys(chat.get("system"), chat.get("answer_prefix"))
