"""The tokens that may stand in a trigger.

AutoPrompt's filter keeps out special tokens, gold objects and tokens that begin with a capital
(proper nouns would leak answers). The release looks for the capital in the raw piece, which
byte-level tokenizers begin with a space marker, and so misses it there; here tokens are judged by
their spelling. One-character tokens ("I") are kept, as in the release.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from promptsearch.errors import DataError


@dataclass(frozen=True)
class Filter:
    """A rule for the spelling of a token."""

    whole_words: bool = True
    spaced: bool = True  # true if the language puts spaces between words
    proper_nouns: bool = False
    answers: frozenset[str] = frozenset()  # words that would leak, in lower case
    allowed: frozenset[str] | None = None  # nothing else
    banned: frozenset[str] = frozenset()

    def passes(self, spelling: str | None) -> bool:
        """Return whether a token of this spelling may be used; None: no text says it."""
        if spelling is None or not (text := spelling.strip()):
            return False
        if self.whole_words and not (text.isalpha() and (spelling[0] == " " or not self.spaced)):
            return False
        if not self.proper_nouns and len(text) > 1 and text[0].isupper():
            return False
        if self.allowed is not None and text not in self.allowed:
            return False
        return text.lower() not in self.answers and text not in self.banned


def usable(spellings: Sequence[str | None], rule: Filter) -> NDArray[np.bool_]:
    """Return (token,), true for tokens that pass the filter."""
    return np.array([rule.passes(spelling) for spelling in spellings])


def words_of(path: Path) -> frozenset[str]:
    """Return the words of a file, one a line; DataError if it cannot be read or is empty."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise DataError.at(path, None, f"no list of words ({why}); give one word a line") from None
    if not (words := frozenset(filter(None, map(str.strip, lines)))):
        raise DataError.at(path, None, "holds no words; give one word a line")
    return words
