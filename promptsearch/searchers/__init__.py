"""The strategies, by the name the command line knows them by.

To add one: write its file, add its line.
"""

from promptsearch.engine import Searcher
from promptsearch.searchers.mine import MiningSearch

SEARCHERS: dict[str, type[Searcher]] = {
    "mine": MiningSearch,
}

__all__ = ["SEARCHERS", "MiningSearch"]
