"""Prompts with scikit-learn's face."""

from promptsearch.prediction.classifier.estimator import PromptClassifier

__all__ = ["PromptClassifier"]
