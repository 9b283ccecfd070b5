"""The strategies, by the name the command line knows them by.

To add one: write its file, add its line.
"""

from promptsearch.engine.strategy import Searcher
from promptsearch.searchers.answers.decompose.search import DecomposeSearch
from promptsearch.searchers.answers.likelihood_ratio.search import LikelihoodRatioSearch
from promptsearch.searchers.answers.paraphrase.search import AnswerParaphraseSearch
from promptsearch.searchers.answers.probe.search import ProbeSearch
from promptsearch.searchers.answers.prune.search import PruneSearch
from promptsearch.searchers.generate.search import GenerateSearch
from promptsearch.searchers.gradient.search import GradientSearch
from promptsearch.searchers.joint.search import JointSearch
from promptsearch.searchers.lm_score.search import LMScoreSearch
from promptsearch.searchers.mine.search import MiningSearch
from promptsearch.searchers.paraphrase.search import ParaphraseSearch

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
