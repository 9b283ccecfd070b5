"""Prompts with scikit-learn's face."""

from promptsearch.classifier.estimator import PromptClassifier

__all__ = ["PromptClassifier"]
