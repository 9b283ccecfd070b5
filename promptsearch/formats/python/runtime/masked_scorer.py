"""Masked language models whose templates have no options."""

from promptsearch.formats.python.runtime.masked import MaskedModel
from promptsearch.formats.python.runtime.network import AnswerScorer


def load_scorer(model: str) -> AnswerScorer:
    """Load the model."""
    return MaskedModel(model).answer_scores
