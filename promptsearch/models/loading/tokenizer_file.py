"""Reading a model's tokenizer, which is to be the one that its tokenizer.json describes.

transformers 5 picks a class by name (of tokenizer_config.json, or of the model's type), and many
classes build a tokenizer of their own from the file's words alone: its cutting of texts into words,
its normalisation and its model's kind are then the class's, not the file's.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from promptsearch.errors import ModelError
from promptsearch.models import Options
from promptsearch.models.loading.files import ModelFiles
from promptsearch.models.tokenization.control_tokens import is_sentinel

_TEXTS = (
    "It was a great film, wasn't it? (I don't know: 3.14 or 1,000 e-mails!)",
    "CAPITALS, Title Case and camelCase",
    "naïve café, Über die Straße; e\u0301te\u0301 Dvořák İstanbul ﬁ ½ x²",
    "  two  spaces,\ta tab \n and a line\n\n",
    "漢字とかな 한국어 Ελληνικά Русский العربية हिन्दी ไทย",
    "\U0001f642 a\u00a0b\u200bc “quotes” – dashes… `code_name` <tag> #1 @x &amp;",
    "a",
    " a",
)
_WORDS, _LINE = 400, 20  # of the vocabulary's own words that are compared, and how many in a text
_MARKS = ("\u2581", "\u0120", "##", "</w>", "@@")  # of words' starts, insides and ends


def read_tokenizer(source: ModelFiles, options: Options, **arguments: Any) -> Any:
    """Return the tokenizer, without the random cuts of training.

    Raise ModelError if it has no words, or if it cannot be read as its file has it.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source.directory, **arguments)
    _disable_sampling(tokenizer)
    file = source.directory / "tokenizer.json"
    if source.gguf is None and file.is_file():
        tokenizer = _as_in_file(tokenizer, file, options.spec)
    _check_vocabulary(tokenizer, options.spec)
    return tokenizer


def _as_in_file(tokenizer: Any, file: Path, spec: str) -> Any:
    """Return the tokenizer if it reads texts as its file does, or else the file's."""
    from tokenizers import Tokenizer

    if type(tokenizer).__module__.startswith("transformers_modules"):
        return tokenizer  # the model's own code, which was allowed
    backend = Tokenizer.from_file(str(file))
    _disable_sampling_of(backend)
    if tokenizer.is_fast and tokenizer.backend_tokenizer.to_str() == backend.to_str():
        return tokenizer
    backend.no_truncation()
    backend.no_padding()
    texts = [*_TEXTS, *_vocabulary_texts(backend)]
    if _first_difference(tokenizer, backend, texts) is None:
        return tokenizer
    tokenizer = _rebuilt(tokenizer, file.parent, backend)
    if (text := _first_difference(tokenizer, backend, texts)) is not None:
        raise ModelError(
            f"the tokenizer of {spec!r} reads {text!r} otherwise than its tokenizer.json does; "
            "write PreTrainedTokenizerFast as tokenizer_class into its tokenizer_config.json"
        )
    return tokenizer


def _rebuilt(tokenizer: Any, directory: Path, backend: Any) -> Any:
    """Return a tokenizer of the file itself, its special tokens those of `tokenizer`."""
    from transformers import PreTrainedTokenizerFast

    plain = PreTrainedTokenizerFast.from_pretrained(directory, local_files_only=True)
    _disable_sampling(plain)
    for role, token in tokenizer.special_tokens_map.items():
        is_known = isinstance(token, str) and backend.token_to_id(token) is not None
        if is_known and getattr(plain, role, None) is None:
            setattr(plain, role, token)
    if tokenizer.chat_template is not None:
        plain.chat_template = tokenizer.chat_template
    return plain


def _first_difference(tokenizer: Any, backend: Any, texts: Sequence[str]) -> str | None:
    """Return the first text that the two read in different ways."""
    expected = [encoding.ids for encoding in backend.encode_batch(texts, add_special_tokens=False)]
    for text, ids in zip(texts, expected, strict=True):
        if list(tokenizer.encode(text, add_special_tokens=False, truncation=False)) != ids:
            return text
    return None


def _vocabulary_texts(backend: Any) -> Iterator[str]:
    """Yield texts of the vocabulary's own words, from all parts of it."""
    added = {token.content for token in backend.get_added_tokens_decoder().values()}
    pieces = sorted(backend.get_vocab(with_added_tokens=False).items(), key=lambda item: item[1])
    words = [_bare(piece) for piece, _ in pieces[:: len(pieces) // _WORDS + 1]]
    words = [word for word in words if word.strip() and word not in added]
    for start in range(0, len(words), _LINE):
        yield " ".join(words[start : start + _LINE])


def _bare(piece: str) -> str:
    """Return a word without the marks that vocabularies write at its start or end."""
    for mark in _MARKS:
        piece = piece.removeprefix(mark).removesuffix(mark)
    return piece


def _disable_sampling(tokenizer: Any) -> None:
    if tokenizer.is_fast:
        _disable_sampling_of(tokenizer.backend_tokenizer)
    elif (processor := getattr(tokenizer, "sp_model", None)) is not None:
        processor._enable_sampling = False  # a SentencePieceProcessor's


def _disable_sampling_of(backend: Any) -> None:
    """Switch off the random cuts that a training's settings leave in a file.

    BPE's dropout, Unigram's `alpha` and `nbest_size`.
    """
    for name in ("dropout", "alpha", "nbest_size"):
        if getattr(backend.model, name, None):
            setattr(backend.model, name, None)


def _check_vocabulary(tokenizer: Any, spec: str) -> None:
    """Raise ModelError if the vocabulary is missing: transformers then makes one of no words."""
    names = getattr(tokenizer, "vocab_files_names", {})
    special = {str(token) for token in tokenizer.added_tokens_decoder.values() if token.special}
    special.update(tokenizer.all_special_tokens)
    vocabulary = tokenizer.get_vocab()
    if not any(_is_ordinary(piece) and piece not in special for piece in vocabulary):
        files = " or ".join(dict.fromkeys(["tokenizer.json", *names.values()]))
        raise ModelError(
            f"the tokenizer of {spec!r} has no vocabulary, only {len(vocabulary)} special tokens; "
            f"put its file ({files}) into the directory"
        )


def _is_ordinary(piece: str) -> bool:
    return any(map(str.isalnum, piece)) and not is_sentinel(piece)
