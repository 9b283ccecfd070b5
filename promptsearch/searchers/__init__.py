"""The strategies, by the name the command line knows them by.

To add one: write its file, add its line.
"""

from promptsearch.engine import Searcher
from promptsearch.searchers.answers_decompose import DecomposeSearch
from promptsearch.searchers.answers_likelihood_ratio import LikelihoodRatioSearch
from promptsearch.searchers.answers_paraphrase import AnswerParaphraseSearch
from promptsearch.searchers.answers_probe import ProbeSearch
from promptsearch.searchers.answers_prune import PruneSearch
from promptsearch.searchers.generate import GenerateSearch
from promptsearch.searchers.gradient import GradientSearch
from promptsearch.searchers.joint import JointSearch
from promptsearch.searchers.lm_score import LMScoreSearch
from promptsearch.searchers.mine import MiningSearch
from promptsearch.searchers.paraphrase import ParaphraseSearch

SEARCHERS: dict[str, type[Searcher]] = {
    "mine": MiningSearch,
    "paraphrase": ParaphraseSearch,
    "gradient": GradientSearch,
    "generate": GenerateSearch,
    "lm-score": LMScoreSearch,
    "answers-paraphrase": AnswerParaphraseSearch,
    "answers-prune": PruneSearch,
    "answers-likelihood-ratio": LikelihoodRatioSearch,
    "answers-probe": ProbeSearch,
    "answers-decompose": DecomposeSearch,
    "search": JointSearch,
}

__all__ = [
    "SEARCHERS",
    "AnswerParaphraseSearch",
    "DecomposeSearch",
    "GenerateSearch",
    "GradientSearch",
    "JointSearch",
    "LMScoreSearch",
    "LikelihoodRatioSearch",
    "MiningSearch",
    "ParaphraseSearch",
    "ProbeSearch",
    "PruneSearch",
]
