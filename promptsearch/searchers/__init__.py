"""The strategies, by the name the command line knows them by.

To add one: write its file, add its line.
"""

from promptsearch.engine import Searcher
from promptsearch.searchers.gradient import GradientSearch
from promptsearch.searchers.lm_score import LMScoreSearch
from promptsearch.searchers.mine import MiningSearch

SEARCHERS: dict[str, type[Searcher]] = {
    "mine": MiningSearch,
    "gradient": GradientSearch,
    "lm-score": LMScoreSearch,
}

__all__ = ["SEARCHERS", "GradientSearch", "LMScoreSearch", "MiningSearch"]
