"""Facts of a loaded model that a program without promptsearch needs."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptsearch.errors import ExportError
from promptsearch.formats.python.runtime.chat import Chat, Control
from promptsearch.models import LanguageModel
from promptsearch.models.loading.files import ModelFiles, find_model_files

if TYPE_CHECKING:
    from promptsearch.models.families.seq2seq import Seq2SeqFamily
    from promptsearch.models.frozen_model import FrozenModel

UNLIMITED = 10**9  # tokens


@dataclass(frozen=True)
class ModelFacts:
    """Sources of the model's files, and the constants of its program."""

    path: str  # a path on this machine, or a hub name
    is_local: bool
    is_gguf: bool
    constants: Mapping[str, object]


def model_facts(model: LanguageModel, slots: int) -> ModelFacts:
    """Return the facts for prompts of up to `slots` slots.

    Raise ExportError if a program cannot copy the tokenizer.
    """
    from promptsearch.models.families.causal import CausalFamily
    from promptsearch.models.families.seq2seq import Seq2SeqFamily
    from promptsearch.models.frozen_model import FrozenModel
    from promptsearch.models.tokenization.control_tokens import control_tokens

    assert isinstance(model, FrozenModel)
    tokenizer = model.runtime.tokenizer
    source = find_model_files(model.options.spec)
    _check_tokenizer(tokenizer, model.info.spec, control_tokens(tokenizer))
    _check_line_breaks(model)
    _check_loaded_alike(source, model)
    path = source.directory / source.gguf if source.gguf else source.directory
    is_local = source.revision is None
    name = str(path.absolute()) if is_local else model.options.spec
    constants: dict[str, object] = {"MODEL": name, "LIMIT": model.info.max_tokens or UNLIMITED}
    match family := model.family:
        case CausalFamily():
            constants |= _causal_constants(model, tokenizer.convert_ids_to_tokens)
        case Seq2SeqFamily():
            constants |= {"START": family.start, **_answer_constants(family, tokenizer, slots)}
    return ModelFacts(name, is_local, source.gguf is not None, constants)


def _answer_constants(family: "Seq2SeqFamily", tokenizer: Any, slots: int) -> Mapping[str, object]:
    if family.form.name == "plain":
        return {"SENTINELS": [], "END": tokenizer.eos_token_id}
    return {"SENTINELS": tokenizer.convert_ids_to_tokens(list(family.sentinels[:slots]))}


def _causal_constants(model: Any, token_names: Any) -> Mapping[str, object]:
    from promptsearch.models.tokenization.chat import Chat as ChatWriter

    writer, tokens = model.family.writer, model.runtime.tokens
    begin = {"BEGIN": token_names(model.family.begin)}
    if not isinstance(writer, ChatWriter):
        return {**begin, "LEAD": tokens.lead, "TAIL": tokens.tail, "CHAT": None}
    opening, closing = (
        [
            Control(token_names(part)) if isinstance(part, int) else part
            for part in half
            if part != ""
        ]
        for half in (writer.opening, writer.closing)
    )
    chat = Chat(opening, closing, writer.answer_prefix or "")
    return {**begin, "LEAD": 0, "TAIL": 0, "CHAT": chat}


def _check_line_breaks(model: "FrozenModel[Any]") -> None:
    if model.info.newline is not None:
        raise ExportError(
            f"the model reads line breaks as {model.info.newline!r} (`newline`), which the program "
            "does not; put that character into the template and the rows, and search without it"
        )


def _check_loaded_alike(source: ModelFiles, model: "FrozenModel[Any]") -> None:
    """Raise ExportError if transformers alone builds another tokenizer from the files than ours."""
    from promptsearch.models.loading.build import tokenizer_sha256
    from promptsearch.models.loading.pretrained import transformers_tokenizer

    tokenizer = transformers_tokenizer(source, model.options)
    if tokenizer_sha256(tokenizer) != model.info.tokenizer_sha256:
        raise ExportError(
            f"transformers alone builds another tokenizer from {model.info.spec!r} than its "
            "tokenizer.json describes, and the program would use that one; write "
            "PreTrainedTokenizerFast as tokenizer_class into its tokenizer_config.json, and remove "
            "dropout from tokenizer.json"
        )


def _check_tokenizer(tokenizer: Any, spec: str, control: Mapping[str, int]) -> None:
    """Raise ExportError if renaming control tokens in the tokenizer's JSON does not suffice."""
    if not tokenizer.is_fast:
        raise ExportError(
            f"the tokenizer of {spec!r} exists in Python only, which a program that needs only "
            "torch and transformers cannot copy; use another format, or a fast tokenizer"
        )
    text = tokenizer.backend_tokenizer.to_str()
    if unsuitable := [*_unsuitable_tokens(text, control)]:
        raise ExportError(
            f"the tokenizer of {spec!r} treats {unsuitable[0]!r} in a way that the program cannot "
            "copy; use another format, or another model"
        )


def _unsuitable_tokens(text: str, control: Mapping[str, int]) -> Iterator[str]:
    """Yield control tokens that stand in the JSON of a tokenizer not only as whole strings."""
    state: Mapping[str, Any] = json.loads(text)
    yield from (name for name in control if json.dumps(name, ensure_ascii=False) != f'"{name}"')
    yield from (name for name in control if f'\\"{name}"' in text)
    merges = map("".join, state["model"].get("merges", ()))
    yield from (merge for merge in merges if merge in control)
    for token in state["added_tokens"]:
        if token["content"] in control and token["normalized"] and state["normalizer"]:
            yield token["content"]
