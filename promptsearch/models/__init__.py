"""Language models with frozen weights: load, batch, score.

Only this folder imports transformers (and the code of exported programs, `formats.python.runtime`).
"""

from promptsearch.models.port import *  # noqa: F403
from promptsearch.models.port import __all__ as __all__
