"""Prompts with options in a program: whether a model reads them, and what it must know of them."""

from collections.abc import Mapping, Sequence

from promptsearch.errors import ExportError, ModelError
from promptsearch.models import LanguageModel, Scoring
from promptsearch.models.forward.runtime import reserved
from promptsearch.models.frozen_model import frozen_model
from promptsearch.prompt_file.prompts_json import SavedPrompt


def option_constants(prompts: Sequence[SavedPrompt], model: LanguageModel) -> Mapping[str, object]:
    """Return the constants of a program with these prompts; none if no template has options.

    Raise ExportError if the model cannot read options, or answer them.
    """
    with_options = [saved for saved in prompts if saved.prompt.template.has_options]
    if not with_options:
        return {}
    for saved in with_options:
        _check(saved, model)
    runtime = frozen_model(model).runtime
    return {"SEPARATOR": runtime.tokenizer.sep_token, "FIRST_POSITION": reserved(runtime.model)}


def _check(saved: SavedPrompt, model: LanguageModel) -> None:
    template = saved.prompt.template
    try:
        filled = template.fill(dict.fromkeys(template.fields, ""))
        model.plan([filled], saved.prompt.verbalizer.answers, Scoring())
    except ModelError as error:
        raise ExportError(f"{saved.id}: {error}") from None
