"""Trigger tokens as text: by the marks of vocabularies, or as a model reads them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from promptsearch.models import LanguageModel
from promptsearch.prompt import Field, Part, Slot, Template, Text
from promptsearch.searchers.common.trigger_template import TriggerSlot, TriggerTemplate
from promptsearch.searchers.gradient.detokenize import Detokenizer

SPACE = "\u0120"  # byte-level vocabularies begin a word with it
UNDERLINE = "\u2581"  # SentencePiece's
INSIDE = "##"  # WordPiece goes on in a word
CONTEXT = "the"  # stands for every input where the tokens are read back


@dataclass(frozen=True)
class TriggerTokens:
    """Text of a trigger; None where no model reads it."""

    template: Template | None
    token_ids: tuple[int, ...] | None
    round_trips: bool | None


def texts_of(tokens: Sequence[str]) -> list[str]:
    """Return what each token adds to a text (" great", "ing"); broken characters are U+FFFD."""
    if any(SPACE in token for token in tokens):
        return list(_of_bytes(tokens))
    if any(UNDERLINE in token for token in tokens):
        return [token.replace(UNDERLINE, " ") for token in tokens]
    return [token[2:] if token.startswith(INSIDE) else f" {token}" for token in tokens]


def spelled(layout: TriggerTemplate, tokens: Sequence[str]) -> Template:
    """Return the layout with the tokens' texts in its holes.

    Raises PromptError if no notation can write that.
    """
    texts = iter(texts_of(tokens))
    parts: list[Part] = []
    for part in layout.parts:
        if isinstance(part, TriggerSlot):
            text = next(texts)
            parts.append(Text(text if parts else text.lstrip(" ")))
        else:
            parts.append(part)
    return Template(tuple(parts))


def read_trigger(
    layout: TriggerTemplate, tokens: Sequence[str], model: LanguageModel | None
) -> TriggerTokens:
    """Return the text that the model reads as these tokens; no template if there is none."""
    if model is None or not tokens:
        return TriggerTokens(None, None, None)
    ids = model.white_box.tokens_named(tokens)
    if None in ids:
        return TriggerTokens(None, None, False)
    known = tuple(token for token in ids if token is not None)
    inputs = {part.name: CONTEXT for part in layout.parts if isinstance(part, Field)}
    (slot,) = (part.name for part in layout.parts if isinstance(part, Slot))
    speller = Detokenizer(model.white_box, layout, [inputs], ((slot, CONTEXT),))
    template = speller.template(known)
    return TriggerTokens(template, known, template is not None)


def _of_bytes(tokens: Sequence[str]) -> Iterator[str]:
    """Yield texts of byte-level tokens; a split character is in the token that completes it."""
    import codecs

    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for index, token in enumerate(tokens):
        data = bytes(_byte_of()[letter] for letter in token if letter in _byte_of())
        yield decoder.decode(data, final=index == len(tokens) - 1)


@cache
def _byte_of() -> dict[str, int]:
    """Return GPT-2's letters for bytes: printable ones for themselves, others from U+0100 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {
        chr(256 + index): byte for index, byte in enumerate(others)
    }
