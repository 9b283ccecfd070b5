"""The vectors that a soft prompt starts from, in the space of a model's input embedding."""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel
from promptsearch.models.forward.embedding_table import embedded, embedding_table, input_embedding
from promptsearch.models.frozen_model import frozen_model

MOST_FREQUENT = 5000  # words of the vocabulary that are drawn from (Lester et al. 2021)

Rows = NDArray[np.float32]  # (vector, hidden)


class StartVectors:
    """Rows of a model's input embedding, and draws like them."""

    def __init__(self, model: LanguageModel, seed: int) -> None:
        self._model, self._runtime = model, frozen_model(model).runtime
        self._random = np.random.default_rng([seed, 21])

    def tokens(self, text: str, before: str | None) -> list[int]:
        """Return a text's ids after another text that ends with `before`; None: it begins all."""
        tokens = self._runtime.tokens
        if before is None:
            return tokens.encode([(text,)], special=False)[0]
        space = " " if before.endswith(" ") else ""
        return tokens.encode_continuation([(space + text,)])[0]

    def of_tokens(self, ids: Sequence[int]) -> Rows:
        """Return the tokens' rows."""
        return self._embedded(ids)

    def of_vocabulary(self, count: int) -> Rows:
        """Return the rows of so many words, drawn from the first ones of the vocabulary."""
        words = self._words
        return self._embedded([words[i] for i in self._random.integers(len(words), size=count)])

    def of_labels(self, answers: Sequence[str], count: int) -> Rows:
        """Return the mean rows of answers' tokens, then of drawn words for what is left."""
        means = [self._embedded(ids).mean(0) for ids in self._model.answer_ids(answers)][:count]
        rest = self.of_vocabulary(count - len(means)) if len(means) < count else None
        return np.concatenate([np.stack(means), *([] if rest is None else [rest])])

    def random(self, count: int) -> Rows:
        """Return draws with the mean and the spread of each dimension of the table."""
        table = embedding_table(input_embedding(self._runtime.model)).float().cpu()
        mean, spread = table.mean(0).numpy(), table.std(0).numpy()
        rows: Rows = self._random.normal(mean, spread, (count, len(mean))).astype(np.float32)
        return rows

    @cached_property
    def _words(self) -> list[int]:
        words = self._model.vocabulary_words()[:MOST_FREQUENT]
        if not words:
            raise ModelError(f"{self._model.info.spec!r} has no whole words; start from `random`")
        return [ids[0] for ids in self._model.answer_ids(words)]

    def _embedded(self, ids: Sequence[int]) -> Rows:
        rows: Rows = embedded(self._runtime.model, ids).numpy()
        return rows
