"""Reading a model's tokenizer, which is to be the one that its tokenizer.json describes.

transformers 5 picks a class by name (of tokenizer_config.json, or of the model's type), and many
classes build a tokenizer of their own from the file's words alone: its cutting of texts into words,
its normalisation and its model's kind are then the class's, not the file's.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from promptsearch.errors import ModelError
from promptsearch.models import Options
from promptsearch.models.foreign_errors import first_words, foreign_errors
from promptsearch.models.forward.runtime import UNLIMITED, stated_limit
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


class _Unbuilt(ModelError):
    """The class that a directory names builds no tokenizer, or one that fails on a text."""


def read_tokenizer(source: ModelFiles, options: Options, **arguments: Any) -> Any:
    """Return the tokenizer, without the random cuts of training.

    Raise ModelError if it has no words, or if it cannot be read as its file has it.
    """
    file = source.directory / "tokenizer.json"
    has_file = source.gguf is None and file.is_file()
    try:
        tokenizer = _named(source, arguments)
    except _Unbuilt as error:
        if not has_file or "trust_remote_code" in str(error.__cause__):
            raise error.__cause__ or error from None
        tokenizer = _plain(file.parent)
    tokenizer = _prepared(tokenizer)
    if has_file:
        tokenizer = _as_in_file(tokenizer, file, options.spec)
    _try(tokenizer, options.spec)
    _check_vocabulary(tokenizer, options.spec)
    _check_roles(tokenizer, options.spec)
    return tokenizer if options.newline is None else _with_newline(tokenizer, options)


def _with_newline(tokenizer: Any, options: Options) -> Any:
    """Return the tokenizer, reading line breaks as another character."""
    from tokenizers.normalizers import Replace, Sequence

    character = options.newline or ""
    if len(character) != 1 or character == "\n":
        raise ModelError(f"`newline` {options.newline!r} must be one character, such as _")
    if not tokenizer.is_fast:
        raise ModelError(
            f"the tokenizer of {options.spec!r} exists in Python only, which knows no `newline`; "
            "leave it out, or give a model with a tokenizer.json"
        )
    backend = tokenizer.backend_tokenizer
    before = [] if backend.normalizer is None else [backend.normalizer]
    backend.normalizer = Sequence([Replace("\n", character), *before])
    return tokenizer


def _named(source: ModelFiles, arguments: dict[str, Any]) -> Any:
    """Return the tokenizer of the class that transformers picks. Raise _Unbuilt if that fails."""
    from transformers import AutoTokenizer

    with foreign_errors(lambda error: _Unbuilt(first_words(error))):
        return AutoTokenizer.from_pretrained(source.directory, **arguments)


def _plain(directory: Path) -> Any:
    """Return the tokenizer of the directory's tokenizer.json, of no class in particular."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast.from_pretrained(directory, local_files_only=True)


def _try(tokenizer: Any, spec: str) -> None:
    """Let the tokenizer read texts, which may need a package; it must read them alike twice."""
    backend = tokenizer.backend_tokenizer if tokenizer.is_fast else None
    first, second = (
        [backend.encode(text).ids if backend else tokenizer.encode(text) for text in _TEXTS]
        for _ in range(2)
    )
    if first != second:
        raise ModelError(
            f"the tokenizer of {spec!r} reads a text otherwise each time; remove what makes it "
            "draw (dropout, enable_sampling) from its files"
        )


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
    texts = [*_TEXTS, *_vocabulary_texts(backend, tokenizer.all_special_tokens)]
    frames = (False,) if _frames_itself(file.parent) else (False, True)
    if _first_difference(tokenizer, backend, texts, frames) is None:
        return tokenizer
    tokenizer = _rebuilt(tokenizer, file.parent, backend)
    if (text := _first_difference(tokenizer, backend, texts, frames)) is not None:
        raise ModelError(
            f"the tokenizer of {spec!r} reads {text!r} otherwise than its tokenizer.json does; "
            "write PreTrainedTokenizerFast as tokenizer_class into its tokenizer_config.json"
        )
    return tokenizer


def _rebuilt(tokenizer: Any, directory: Path, backend: Any) -> Any:
    """Return a tokenizer of the file itself, its special tokens those of `tokenizer`."""
    plain = _prepared(_plain(directory))
    for role, token in tokenizer.special_tokens_map.items():
        is_known = isinstance(token, str) and backend.token_to_id(token) is not None
        if is_known and getattr(plain, role, None) is None:
            setattr(plain, role, token)
    if tokenizer.chat_template is not None:
        plain.chat_template = tokenizer.chat_template
    return plain


def _frames_itself(directory: Path) -> bool:
    """Return True if the tokenizer's configuration says which tokens frame a text."""
    path = directory / "tokenizer_config.json"
    keys = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return bool({"add_bos_token", "add_eos_token"} & set(keys))


def _first_difference(
    tokenizer: Any, backend: Any, texts: Sequence[str], frames: Sequence[bool]
) -> str | None:
    """Return the first text that the two read in different ways, with its frame or without."""
    ids_of = _copied_reader(tokenizer)
    for framed in frames:
        encodings = backend.encode_batch(texts, add_special_tokens=framed)
        for text, encoding in zip(texts, encodings, strict=True):
            try:
                with foreign_errors(lambda error: _Unbuilt(first_words(error))):
                    ids = ids_of(text, framed)
            except _Unbuilt:
                return text
            if ids != encoding.ids:
                return text
    return None


def _copied_reader(tokenizer: Any) -> Callable[[str, bool], list[int]]:
    """Return what encodes a text, whole, and leaves the tokenizer's state as it is."""
    if not tokenizer.is_fast:
        return lambda text, framed: list(tokenizer.encode(text, add_special_tokens=framed))
    copy = type(tokenizer.backend_tokenizer).from_str(tokenizer.backend_tokenizer.to_str())
    copy.no_truncation()
    copy.no_padding()
    return lambda text, framed: list(copy.encode(text, add_special_tokens=framed).ids)


def _vocabulary_texts(backend: Any, special: Sequence[str]) -> Iterator[str]:
    """Yield texts of the vocabulary's own words, from all parts of it.

    Names of special tokens are no words: a file may list them among these, as older ones of BERT
    do, and no text spells one here.
    """
    added = {token.content for token in backend.get_added_tokens_decoder().values()} | {*special}
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


def _prepared(tokenizer: Any) -> Any:
    """Return the tokenizer itself, its limit a number and its random cuts switched off."""
    tokenizer.model_max_length = stated_limit(tokenizer.model_max_length) or UNLIMITED
    if tokenizer.is_fast:
        _disable_sampling_of(tokenizer.backend_tokenizer)
    elif (processor := getattr(tokenizer, "sp_model", None)) is not None:
        processor._enable_sampling = False  # a SentencePieceProcessor's
    return tokenizer


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


def _check_roles(tokenizer: Any, spec: str) -> None:
    """Raise ModelError for a special token without an id of its own: it would be the unknown one.

    transformers adds those that the vocabulary lacks, but for the empty text. Some models have the
    unknown token (GPT-2: the end) in other roles; a mask they have not.
    """
    unknown = (None, tokenizer.unk_token_id)
    for role, token in tokenizer.special_tokens_map.items():
        is_shared = token == tokenizer.unk_token and role != "mask_token"
        if not isinstance(token, str) or is_shared:
            continue
        if tokenizer.convert_tokens_to_ids(token) in unknown:
            raise ModelError(
                f"the tokenizer of {spec!r} has {token!r} as its {role}, which is not in its "
                "vocabulary; correct it in tokenizer_config.json"
            )


def _is_ordinary(piece: str) -> bool:
    return any(map(str.isalnum, piece)) and not is_sentinel(piece)
