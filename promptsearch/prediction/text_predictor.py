"""Prompts that write texts together: each next token by the average of their probabilities."""

from dataclasses import dataclass

from promptsearch.data import Dataset
from promptsearch.metrics.generation_predictions import GenerationPredictions
from promptsearch.prediction.ensemble import EnsemblePredictor
from promptsearch.scoring.combination import Rule
from promptsearch.scoring.generation_scorer import GenerationScorer

TEXT_RULES: tuple[Rule, ...] = ("uniform", "rank", "mixture")  # for shares of averages


@dataclass(frozen=True)
class TextPredictor(EnsemblePredictor):
    """Predictor of texts by one or several prompts."""

    def texts(self, examples: Dataset) -> list[str]:
        """Return what is written for each example."""
        prompts, weights = self.ensemble.prompts, self.ensemble.weights
        return self._writer.ensemble_texts(prompts, weights, examples)

    def predict(self, examples: Dataset) -> GenerationPredictions:
        """Return likelihoods of the references, and texts where the scorer writes any."""
        prompts, weights = self.ensemble.prompts, self.ensemble.weights
        log_right = self._writer.ensemble_log_right(prompts, weights, examples)
        texts = () if self._writer.decode is None else self.texts(examples)
        targets = [example.targets for example in examples]
        return GenerationPredictions.of(targets, log_right, texts)

    @property
    def _writer(self) -> GenerationScorer:
        assert isinstance(self.raw_scorer, GenerationScorer), "this kind of task has it"
        return self.raw_scorer
