"""The models that help to paraphrase, beside the searched one."""

from promptsearch.engine.strategy import Task
from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel, Options
from promptsearch.models.generation.translation import Translator, check_pair
from promptsearch.models.generation.translators import FAST, load_translator
from promptsearch.models.loading.load import load_beside, load


def filler(task: Task, spec: str) -> LanguageModel:
    """The masked model that substitutes: `spec`, the searched one, or the built-in one."""
    if not spec and is_masked(task):
        assert task.model is not None
        return task.model
    model = loaded(task, spec or "builtin")
    if model.info.family != "masked":
        raise ModelError(f"--filler {spec} is a {model.info.family} model; give a masked one")
    return model


def writer(task: Task, spec: str) -> LanguageModel:
    """The model that rewrites."""
    model = loaded(task, spec)
    if model.info.family == "masked":
        raise ModelError(f"--rewriter {spec} is a masked model; give one that writes (smollm2)")
    return model


def translators(task: Task, forward: str, backward: str) -> tuple[Translator, Translator]:
    """There and back; `ModelError` where they do not lead back."""
    options = task.model.options if task.model is not None else Options()
    pair = (
        load_translator(forward, options, "en-pt"),
        load_translator(backward or FAST, options, "pt-en"),
    )
    check_pair(*pair, task.language)
    return pair


def loaded(task: Task, spec: str) -> LanguageModel:
    """Another model, on the device of the searched one."""
    return load_beside(task.model, spec) if task.model is not None else load(Options(spec))


def is_masked(task: Task) -> bool:
    """Whether the searched model is one that fills masks."""
    return task.model is not None and task.model.info.family == "masked"
