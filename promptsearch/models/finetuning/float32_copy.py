"""A copy of a model whose weights may move."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

from promptsearch.models import LanguageModel
from promptsearch.models.frozen_model import frozen_model
from promptsearch.models.loading.build import wrap


def float32_copy(model: LanguageModel) -> Any:
    """Return a copy of the transformers model in float32."""
    return deepcopy(frozen_model(model).runtime.model).float()


def wrapped_copy(copy: Any, model: LanguageModel) -> LanguageModel:
    """Return a copy of the model's weights as a model that reads and scores as `model` does."""
    options = replace(model.options, chat="off" if model.info.chat is None else "on")
    info = replace(model.info, dtype="float32")
    runtime = frozen_model(model).runtime
    wrapped = frozen_model(wrap(copy, runtime.tokenizer, info, options))
    return replace(wrapped, runtime=replace(wrapped.runtime, option_form=runtime.option_form))
