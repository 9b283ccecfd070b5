"""Arguments of transformers' `text-generation` pipeline, which write a prompt's texts."""

from collections.abc import Mapping, Sequence

from promptsearch.data.tasks.decode_table import Decode
from promptsearch.errors import ExportError
from promptsearch.formats.shared.cloze import ELSEWHERE, before_text, braced, ending
from promptsearch.formats.shared.model_source import directory_or_name
from promptsearch.models import LanguageModel
from promptsearch.prompt import Text
from promptsearch.prompt_file.prompts_json import SavedPrompt

NAME = "hf-pipeline"
HOW = (
    "pipeline(task, model=model, dtype=dtype)(inputs.format(**row), return_full_text=False, "
    '**generate)[0]["generated_text"]: take the white space around it away, and cut it before the '
    "first of stop"
)


def text_pipeline(saved: SavedPrompt, model: LanguageModel, decode: Decode) -> Mapping[str, object]:
    """Return the call, with how texts are written.

    Raises ExportError for what is no plain prompt of a causal model.
    """
    from promptsearch.models.generation.text_decoder import generation_settings

    if model.info.family != "causal" or model.info.chat is not None:
        what = "in a chat" if model.info.chat is not None else f"with a {model.info.family} model"
        raise ExportError(
            f"{saved.id}: text-generation goes on from plain texts, but texts are written {what}; "
            f"{ELSEWHERE}"
        )
    parts = ending(saved, NAME)
    tokenizer = model.runtime.tokenizer  # type: ignore[attr-defined]
    check_texts(saved, tokenizer.all_special_tokens, NAME)
    return {
        "task": "text-generation",
        "model": directory_or_name(model),
        "dtype": "float32",
        "inputs": braced(before_text(parts.before), f"{saved.id}: {NAME}"),
        "generate": {**generation_settings(model, decode), "repetition_penalty": 1.0},
        "stop": list(decode.stop),
        "how": HOW,
    }


def check_texts(saved: SavedPrompt, special: Sequence[str], name: str) -> None:
    """Raise ExportError if the template spells a special token, which a pipeline takes for it."""
    for part in saved.prompt.template.parts:
        if isinstance(part, Text) and (spelt := [token for token in special if token in part.text]):
            raise ExportError(
                f"{saved.id}: {name} would read {spelt[0]} in the template as that token; "
                f"{ELSEWHERE}"
            )
