"""The strategies; each is imported when it is first used, so that nothing heavy loads before."""

from typing import TYPE_CHECKING

from promptsearch.searchers.strategies import SEARCHERS as SEARCHERS

if TYPE_CHECKING:
    from promptsearch.searchers.answers.decompose.search import DecomposeSearch as DecomposeSearch
    from promptsearch.searchers.answers.likelihood_ratio.search import (
        LikelihoodRatioSearch as LikelihoodRatioSearch,
    )
    from promptsearch.searchers.answers.paraphrase.search import (
        AnswerParaphraseSearch as AnswerParaphraseSearch,
    )
    from promptsearch.searchers.answers.probe.search import ProbeSearch as ProbeSearch
    from promptsearch.searchers.answers.prune.search import PruneSearch as PruneSearch
    from promptsearch.searchers.generate.search import GenerateSearch as GenerateSearch
    from promptsearch.searchers.gradient.search import GradientSearch as GradientSearch
    from promptsearch.searchers.joint.search import JointSearch as JointSearch
    from promptsearch.searchers.lm_score.search import LMScoreSearch as LMScoreSearch
    from promptsearch.searchers.mine.search import MiningSearch as MiningSearch
    from promptsearch.searchers.mixture.search import MixtureSearch as MixtureSearch
    from promptsearch.searchers.paraphrase.search import ParaphraseSearch as ParaphraseSearch
    from promptsearch.searchers.prefix.search import PrefixSearch as PrefixSearch
    from promptsearch.searchers.project.search import ProjectSearch as ProjectSearch
    from promptsearch.searchers.soft.search import SoftSearch as SoftSearch


def __getattr__(name: str) -> object:
    """Return the strategy class of this name."""
    if (searcher := SEARCHERS.with_class_name(name)) is None:
        raise AttributeError(f"module 'promptsearch.searchers' has no attribute {name!r}")
    return searcher
