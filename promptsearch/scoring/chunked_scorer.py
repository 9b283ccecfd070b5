"""Predictions a chunk of examples at a time: long scorings show progress, and keep what is done."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from promptsearch.data import Dataset
from promptsearch.prompt import Prompt
from promptsearch.scoring.scorer import Cost, PredictionBatch, PromptScorer, Scorer

TOKENS = 1 << 16  # of a chunk, about: seconds on a laptop's CPU, a few batches on a GPU
_SAMPLE = 32  # examples that tell what the others cost


@dataclass(frozen=True)
class ScoringProgress:
    """State of a scoring after a chunk of its examples."""

    prompts: int
    done: int  # examples
    total: int
    seconds_left: float  # at the speed so far


OnChunk = Callable[[ScoringProgress], None]


@dataclass(frozen=True)
class ChunkedScorer:
    """The predictions of `inner`, a chunk of examples after the other; chunks are always the same.

    `scorer` has the same model. A cache inside keeps each chunk when it is done.
    """

    inner: PromptScorer
    scorer: Scorer
    on_chunk: OnChunk

    def predict(self, prompts: Sequence[Prompt], examples: Dataset) -> PredictionBatch:
        """Return one `Predictions` a prompt, in order."""
        size = self._chunk_size(prompts, examples)
        if size >= len(examples):
            return self.inner.predict(prompts, examples)
        builders = [self.scorer.builder(prompt.verbalizer, examples) for prompt in prompts]
        cost, began = Cost(), time.perf_counter()
        for first in range(0, len(examples), size):
            rows = range(first, min(first + size, len(examples)))
            batch = self.inner.predict(prompts, [examples[row] for row in rows])
            for builder, predictions in zip(builders, batch.predictions, strict=True):
                builder.take(rows, predictions)
            cost += batch.cost
            seconds = (time.perf_counter() - began) * (len(examples) / rows.stop - 1)
            self.on_chunk(ScoringProgress(len(prompts), rows.stop, len(examples), seconds))
        return PredictionBatch(tuple(builder.judgement() for builder in builders), cost)

    def cost(self, prompts: Sequence[Prompt], examples: Dataset) -> Cost:
        """Return what `predict` would cost."""
        return self.inner.cost(prompts, examples)

    def _chunk_size(self, prompts: Sequence[Prompt], examples: Dataset) -> int:
        """Return the examples of a chunk, by what some cost that are spread over all of them.

        What is known already counts, so that a resumed scoring has the chunks of the first.
        """
        sample = examples[:: max(1, len(examples) // _SAMPLE)][:_SAMPLE]
        tokens = self.scorer.cost(prompts, sample).tokens
        return max(1, TOKENS * len(sample) // max(tokens, 1))
