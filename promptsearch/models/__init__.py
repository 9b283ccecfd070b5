"""Language models with frozen weights: load, batch, score.

Only this folder imports transformers (and the code of exported programs, `formats.python.runtime`).
"""

from promptsearch.models.interface import *  # noqa: F403
from promptsearch.models.interface import __all__ as __all__
