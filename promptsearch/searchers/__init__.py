"""The strategies, by the name the command line knows them by.

To add one: write its file, add its line.
"""

from promptsearch.engine import Searcher
from promptsearch.searchers.gradient import GradientSearch
from promptsearch.searchers.mine import MiningSearch

SEARCHERS: dict[str, type[Searcher]] = {
    "mine": MiningSearch,
    "gradient": GradientSearch,
}

__all__ = ["SEARCHERS", "GradientSearch", "MiningSearch"]
