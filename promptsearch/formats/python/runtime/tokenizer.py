"""The model's tokenizer, in which no text can spell a control token such as [MASK]."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Any

from transformers import AutoTokenizer

from promptsearch.formats.python.runtime.network import model_files
from promptsearch.formats.python.runtime.prompt import PRIVATE
from promptsearch.formats.python.runtime.soft import in_words, soft_ids


@dataclass(frozen=True)
class EncodedLine:
    """A tokenized line. Its text has words for soft tokens, its ids have their own."""

    ids: list[int]
    text: str
    starts: list[int]  # the first character of each text of the line, and the length of all
    encoding: Any  # of the text, by the tokenizer: where each token stands in it


class Tokenizer:
    """A tokenizer whose control tokens have private names, which no text can spell.

    A line is a list of texts and such names; it is tokenized as one string.
    """

    def __init__(self, model: str) -> None:
        tokenizer = AutoTokenizer.from_pretrained(**model_files(model))
        self._tokenizer: Any = tokenizer
        control = control_tokens(tokenizer)
        self.names = {token: f"{PRIVATE}<{number}>" for token, number in control.items()}
        self.mask_name: str = self.names.get(tokenizer.mask_token, "")
        self.mask_id: int | None = tokenizer.mask_token_id
        backend: Any = tokenizer.backend_tokenizer
        state = backend.to_str()
        for token, name in self.names.items():
            state = state.replace(f'"{token}"', f'"{name}"')
        self._backend = type(backend).from_str(state)
        self._backend.no_truncation()
        self._backend.no_padding()
        added = {token.content for token in tokenizer.added_tokens_decoder.values()}
        pieces = [name for token, name in self.names.items() if token not in added]
        self._backend.add_special_tokens(pieces)  # mT5's sentinels are pieces like any other
        self.text_ids = cache(self._text_ids)  # answers are the same in every row

    def encode(self, line: Sequence[str], special: bool = True) -> EncodedLine:
        """Tokenize a line; `special` adds what the tokenizer puts around a text."""
        texts = in_words(line)
        text, starts = "".join(texts), [0, *accumulate(map(len, texts))]
        encoding = self._backend.encode(text, add_special_tokens=special)
        ids = list(encoding.ids)
        for position, token in soft_ids(line, starts[1:], encoding):
            ids[position] = token
        return EncodedLine(ids, text, starts, encoding)

    def decode(self, ids: Any) -> str:
        """Return what a model wrote, without control tokens."""
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return text

    def _text_ids(self, *line: str) -> tuple[int, ...]:
        """Return the ids of a line without anything around it."""
        return tuple(self.encode(line, special=False).ids)

    def control_id(self, token: str) -> int:
        """Return the id of a control token."""
        number: int = self._backend.token_to_id(self.names[token])
        return number


def control_tokens(tokenizer: Any) -> dict[str, int]:
    """Return the ids of special tokens, of the chat template's tokens and of T5's sentinels."""
    template = tokenizer.chat_template or ""
    control = {
        token.content: number
        for number, token in tokenizer.added_tokens_decoder.items()
        if token.special or (token.content.strip() and token.content in template)
    }
    pieces = tokenizer.get_vocab()
    sentinels = (piece for piece in pieces if piece.lstrip("\u2581").startswith("<extra_id_"))
    return control | {piece: pieces[piece] for piece in sentinels}
