"""Prompts x examples -> what each prompt says of each example: here, from a cache, or spread."""

from promptsearch.scoring.label_aggregation import AnswerScore
from promptsearch.scoring.scorer import Cost, PredictionBatch, PromptScorer, Scorer

__all__ = ["AnswerScore", "Cost", "PredictionBatch", "PromptScorer", "Scorer"]
