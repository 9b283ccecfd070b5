"""Prompts with the interface of scikit-learn."""

from promptsearch.prediction.classifier.estimator import PromptClassifier

__all__ = ["PromptClassifier"]
