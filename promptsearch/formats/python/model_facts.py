"""How a loaded model reads text: all that a program without promptsearch must be told of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from promptsearch.errors import ExportError
from promptsearch.models import LanguageModel, ModelInfo
from promptsearch.models.loading.files import find_model_files

if TYPE_CHECKING:
    from promptsearch.models.tokenization.tokenizer import Tokens

Half = Sequence[tuple[str, bool]]  # texts, and whether they are names of control tokens


@dataclass(frozen=True)
class ChatHalves:
    """What a chat template puts before and after the user's message, and the reply's beginning."""

    opening: Half
    closing: Half
    prefix: str


@dataclass(frozen=True)
class Reading:
    """A model and its tokenizer, as far as they decide what a program does."""

    info: ModelInfo
    tokens: "Tokens"
    place: str  # a path of this machine, or a name of the hub
    local: bool
    gguf: bool
    lead: int  # tokens that the tokenizer puts before a text
    tail: int  # and after it
    pads: bool  # whether it pads or cuts on its own
    pieces: bool  # whether some of its control tokens are ordinary pieces of the vocabulary
    plain_controls: bool  # whether the chat template has some that are not marked as special
    begin: str = ""  # causal: what stands before an answer at the very start
    start: int = 0  # seq2seq: what the decoder begins with
    sentinels: Sequence[str] = ()
    chat: ChatHalves | None = None


def reading_of(model: LanguageModel) -> Reading:
    """`ExportError` where the tokenizer is not one that a few lines can copy."""
    from promptsearch.models.families.causal import CausalModel
    from promptsearch.models.families.masked import MaskedModel
    from promptsearch.models.families.seq2seq import Seq2SeqModel

    assert isinstance(model, MaskedModel | CausalModel | Seq2SeqModel)
    tokenizer = model.machine.tokenizer
    named = tokenizer.convert_ids_to_tokens
    reading = _common(model, model.machine.tokens, tokenizer)
    match model:
        case CausalModel():
            return _causal(reading, model, named)
        case Seq2SeqModel():
            return replace(reading, start=model.start, sentinels=named(list(model.sentinels)))
    return reading


def _common(model: LanguageModel, tokens: Any, tokenizer: Any) -> Reading:
    from promptsearch.models.tokenization.control_tokens import control_tokens

    control = control_tokens(tokenizer)
    state = _state(tokenizer, model.info.spec, control)
    added = {token.content: token.special for token in tokenizer.added_tokens_decoder.values()}
    source = find_model_files(model.options.spec)
    path = source.directory / source.gguf if source.gguf else source.directory
    local = source.revision is None
    return Reading(
        info=model.info,
        tokens=tokens,
        place=str(path.absolute()) if local else model.options.spec,
        local=local,
        gguf=source.gguf is not None,
        lead=tokens.lead,
        tail=tokens.tail,
        pads=bool(state["truncation"] or state["padding"]),
        pieces=bool(control.keys() - added.keys()),
        plain_controls=any(not added[name] for name in control.keys() & added.keys()),
    )


def _causal(reading: Reading, model: Any, named: Any) -> Reading:
    from promptsearch.models.tokenization.chat import Chat

    reading = replace(reading, begin=named(model.begin))
    if not isinstance(writer := model.writer, Chat):
        return reading
    opening, closing = (tuple(_half(line, named)) for line in (writer.opening, writer.closing))
    halves = ChatHalves(opening, closing, writer.answer_prefix or "")
    return replace(reading, lead=0, tail=0, chat=halves)


def _half(line: Sequence[str | int], named: Any) -> Iterator[tuple[str, bool]]:
    for part in line:
        if part != "":
            yield (part, False) if isinstance(part, str) else (named(part), True)


def _state(tokenizer: Any, spec: str, control: Mapping[str, int]) -> Mapping[str, Any]:
    """The tokenizer's JSON, in which whole strings may be replaced by others."""
    if not tokenizer.is_fast:
        raise ExportError(
            f"the tokenizer of {spec!r} exists in Python only, which a program that needs only "
            "torch and transformers cannot copy; use another format, or a fast tokenizer"
        )
    text = tokenizer.backend_tokenizer.to_str()
    state: dict[str, Any] = json.loads(text)
    spelled = [name for name in control if json.dumps(name, ensure_ascii=False) != f'"{name}"']
    inside = [name for name in control if f'\\"{name}"' in text]
    merged = [m for m in state["model"].get("merges", ()) if "".join(m) in control]
    normalized = [
        token["content"]
        for token in state["added_tokens"]
        if token["content"] in control and token["normalized"] and state["normalizer"]
    ]
    if odd := [*spelled, *inside, *map("".join, merged), *normalized]:
        raise ExportError(
            f"the tokenizer of {spec!r} treats {odd[0]!r} in a way that the program cannot copy; "
            "use another format, or another model"
        )
    return state
