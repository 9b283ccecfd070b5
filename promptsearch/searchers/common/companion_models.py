"""Models and files for paraphrases, beside the searched model."""

from collections.abc import Sequence
from pathlib import Path

from promptsearch.engine.strategy import Task
from promptsearch.errors import ModelError, RunError
from promptsearch.language.english import read_thesaurus
from promptsearch.models import LanguageModel, Options
from promptsearch.models.generation.translation import Translator, check_pair
from promptsearch.models.generation.translators import (
    FAST,
    check_translators,
    is_fast,
    load_translator,
)
from promptsearch.models.loading.load import load, load_beside


def check_both_ways(forward: str, backward: str) -> None:
    """Raise RunError if one of the two translation models is given without the other."""
    if backward and not forward:
        raise RunError("`backward` needs `forward` too: a model that leads there")
    if forward and not (backward or is_fast(forward)):
        raise RunError("`forward` needs `backward` too: a model that leads back")


def check_sources(thesauri: Sequence[str], forward: str, backward: str, language: str) -> None:
    """Raise an error if a thesaurus cannot be read, or translators do not lead there and back."""
    for name in thesauri:
        read_thesaurus(Path(name))
    if forward:
        check_translators(forward, backward, language)


def load_filler(task: Task, spec: str) -> LanguageModel:
    """Return the masked model that substitutes: `spec`, the searched one, or the built-in one."""
    if not spec and is_masked(task):
        assert task.model is not None
        return task.model
    model = _load(task, spec or "builtin")
    if model.info.family != "masked":
        raise ModelError(f"`filler` {spec} is a {model.info.family} model; give a masked one")
    return model


def load_rewriter(task: Task, spec: str) -> LanguageModel:
    """Return the model that rewrites; ModelError for a masked one."""
    model = _load(task, spec)
    if model.info.family == "masked":
        raise ModelError(f"`rewriter` {spec} is a masked model; give one that writes (smollm2)")
    return model


def load_translators(task: Task, forward: str, backward: str) -> tuple[Translator, Translator]:
    """Return translators there and back; ModelError if they do not lead back."""
    options = task.model.options if task.model is not None else Options()
    pair = (
        load_translator(forward, options, "en-pt"),
        load_translator(backward or FAST, options, "pt-en"),
    )
    check_pair(*pair, task.language)
    return pair


def _load(task: Task, spec: str) -> LanguageModel:
    """Return another model, on the device of the searched one."""
    return load_beside(task.model, spec) if task.model is not None else load(Options(spec))


def is_masked(task: Task) -> bool:
    """Return whether the searched model is a masked one."""
    return task.model is not None and task.model.info.family == "masked"
