"""The damaged file of a model directory: each is opened alone, after reading them all failed."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from promptsearch.models.foreign_errors import failure

_POINTER = b"version https://git-lfs.github.com/spec/"


def damaged_file(directory: Path) -> tuple[Path, str] | None:
    """Return the first file that cannot be opened, and why; None if all can."""
    for pattern, read in _READERS.items():
        for path in sorted(directory.glob(pattern)):
            reason = failure(lambda path=path, read=read: read(path))  # type: ignore[misc]
            if reason is not None:
                return path, reason
    return None


def lfs_pointer(directory: Path) -> Path | None:
    """Return a file that is a Git LFS pointer: text that stands for a file elsewhere."""
    for path in sorted(directory.iterdir()):
        if path.is_file() and path.stat().st_size < 1024 and path.read_bytes().startswith(_POINTER):
            return path
    return None


def _json_object(path: Path) -> None:
    document = json.loads(path.read_bytes().decode("utf-8"))
    if not isinstance(document, dict):
        raise ValueError(f"a JSON object is expected, not {type(document).__name__}")


def _tokenizer(path: Path) -> None:
    from tokenizers import Tokenizer

    _json_object(path)
    Tokenizer.from_file(str(path))


def _text(path: Path) -> None:
    if not path.read_bytes().decode("utf-8").strip():
        raise ValueError("it is empty")


def _safetensors(path: Path) -> None:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        file.keys()


def _pickled(path: Path) -> None:
    import torch

    torch.load(path, map_location="meta", weights_only=True)


def _gguf(path: Path) -> None:
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ValueError("it does not begin as a GGUF file does")


def _template(path: Path) -> None:
    from jinja2 import Environment

    Environment(extensions=["jinja2.ext.loopcontrols"]).parse(path.read_text(encoding="utf-8"))


def _sentencepiece(path: Path) -> None:
    if path.stat().st_size == 0:
        raise ValueError("it is empty")
    from sentencepiece import SentencePieceProcessor

    SentencePieceProcessor(model_file=str(path))


_READERS: Mapping[str, Callable[[Path], Any]] = {
    "config.json": _json_object,
    "tokenizer_config.json": _json_object,
    "tokenizer.json": _tokenizer,
    "special_tokens_map.json": _json_object,
    "added_tokens.json": _json_object,
    "generation_config.json": _json_object,
    "vocab.json": _json_object,
    "vocab.txt": _text,
    "merges.txt": _text,
    "chat_template.jinja": _template,
    "*.index.json": _json_object,
    "*.safetensors": _safetensors,
    "pytorch_model*.bin": _pickled,
    "*.gguf": _gguf,
    "spiece.model": _sentencepiece,
    "sentencepiece*.model": _sentencepiece,
    "*.spm": _sentencepiece,
}
