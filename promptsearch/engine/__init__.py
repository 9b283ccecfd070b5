"""Propose, score, keep the best: the loop around every search strategy."""

from promptsearch.engine.search import *  # noqa: F403
from promptsearch.engine.search import __all__ as __all__
from promptsearch.engine.strategy import silent as silent
