"""Candidate answers of a fact task."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from promptsearch.errors import DataError
from promptsearch.files.read import expand_one, open_text

CandidatesRule = Literal["objects", "vocabulary", "common-vocab", "file"]
COMMON_VOCAB = "common_vocab_cased.txt"
COMMON_VOCAB_VARIABLE = "PROMPTSEARCH_COMMON_VOCAB"


@dataclass(frozen=True)
class Candidates:
    """The resolved `candidates` of a task file; `words` is None while a model must give them."""

    rule: CandidatesRule
    file: Path | None = None
    words: tuple[str, ...] | None = None


def chosen_candidates(
    candidates: str | None, file: Path, encoding: str, objects: Sequence[str]
) -> Candidates:
    """Return the `candidates` of a task file; `objects` (of train and dev) are the default."""
    match candidates:
        case None:
            return Candidates("objects", words=tuple(objects))
        case "vocabulary":
            return Candidates("vocabulary")
        case "common-vocab":
            path = common_vocab(file)
            return Candidates("common-vocab", path, read_candidates(path))
        case name:
            path = _candidates_file(name, file)
            return Candidates("file", path, read_candidates(path, encoding))


def read_candidates(path: Path, encoding: str = "utf-8") -> tuple[str, ...]:
    """Return one answer a line, each once. Raises DataError if there are none."""
    words: dict[str, None] = {}
    with open_text(path, encoding) as stream:
        for number, line in enumerate(stream, 1):
            if "\r" in (word := line.strip()):
                message = "a carriage return is inside a candidate; end each line with a line feed"
                raise DataError.at(path, number, message)
            if word:
                words[word] = None
    if not words:
        raise DataError.at(path, None, "it holds no candidate; write one answer a line")
    return tuple(words)


def common_vocab(file: Path) -> Path:
    """LAMA's 21,018 words, beside the task file or where the variable says.

    Their licence (CC BY-NC 4.0) keeps them out of this package.
    """
    named = os.environ.get(COMMON_VOCAB_VARIABLE)
    path = Path(named) if named else file.parent / COMMON_VOCAB
    if path.is_file():
        return path
    raise DataError(
        f"{file}: candidates: common-vocab is LAMA's word list, which its licence (CC BY-NC 4.0) "
        f"keeps out of this package, and there is no file {path}; download "
        "https://dl.fbaipublicfiles.com/LAMA/common_vocab_cased.txt and put it beside the task "
        f"file, or name it in the environment variable {COMMON_VOCAB_VARIABLE}"
    )


def _candidates_file(name: str, file: Path) -> Path:
    try:
        return expand_one(name, file.parent)
    except DataError as error:
        raise DataError(
            f'{file}: candidates: {error}, or write "vocabulary" or "common-vocab"'
        ) from None
