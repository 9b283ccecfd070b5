"""Language models with frozen weights: load, batch, score. Only here is transformers imported."""

from promptsearch.models.port import *  # noqa: F403
from promptsearch.models.port import __all__ as __all__
