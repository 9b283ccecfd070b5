"""The keys and values that a prefix starts from: those of words, or random numbers.

Li and Liang (2021), "Prefix-Tuning", section 4.3: with little data it is best to start from the
activations of real words. For a causal model the keys and values of a text are the text: every
token after it reads the same numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from torch import Tensor

from promptsearch.errors import ModelError
from promptsearch.models import LanguageModel
from promptsearch.models.forward.backends import PackedForward
from promptsearch.models.forward.body_and_head import UNSUPPORTED_ERRORS
from promptsearch.models.forward.encoder_decoder import PackedEncoder
from promptsearch.models.forward.layer_prefixes import no_prefix
from promptsearch.models.frozen_model import frozen_model
from promptsearch.models.tokenization.control_tokens import TRIGGER_PLACEHOLDER
from promptsearch.prompt import Prefix

SPREAD = 0.02  # of random keys and values, as P-tuning v2's release has them


class StartPrefix:
    """Prefixes of one model; `layers` gives those, from 1, at which they stand, of so many."""

    def __init__(
        self, model: LanguageModel, layers: Callable[[int], Sequence[int]], seed: int
    ) -> None:
        self._model, self._runtime = model, frozen_model(model).runtime
        self._layers = layers
        self._random = np.random.default_rng([seed, 23])

    def of_words(self, text: str) -> Prefix:
        """Return the keys and values of a text that nothing stands before.

        Of a causal model they have what its tokenizer begins with, and texts go on after them.
        Raises ModelError for a text without tokens, or for an encoder-decoder.
        """
        if self._model.info.family == "seq2seq":
            raise ModelError("words have no keys and values in a decoder; start from `random`")
        if self._model.info.chat is not None:
            raise ModelError("words of a chat do not stand at its start; start from `random`")
        ids = self.words_ids(text)
        if not ids:
            raise ModelError(f"{text!r} has no tokens to start a prefix from")
        tensors = {name: each.numpy() for name, each in self._keys_values(ids).items()}
        return self._prefix(tensors, continues=self._model.info.family == "causal")

    def words_ids(self, text: str) -> list[int]:
        """Return the tokens of words, behind what a causal model's tokenizer begins with."""
        tokens = self._runtime.tokens
        if self._model.info.family != "causal":
            return tokens.encode([(text,)], special=False)[0]
        (ids,) = tokens.encode([(text, TRIGGER_PLACEHOLDER)])
        return ids[: ids.index(TRIGGER_PLACEHOLDER)]

    def random(self, length: int) -> Prefix:
        """Return so many positions of normal draws, of P-tuning v2's spread."""
        tensors = {}
        for name, (layers, heads, size) in self.shapes.items():
            shape = layers, 2, heads, length, size
            tensors[name] = self._random.normal(0, SPREAD, shape).astype(np.float32)
        return self._prefix(tensors, continues=False)

    @cached_property
    def shapes(self) -> Mapping[str, tuple[int, int, int]]:
        """The layers, heads and size of keys and values, by attention."""
        (first,) = self._runtime.tokens.encode([("a",)], special=False)
        tensors = self._keys_values(first[:1] or [0])
        return {name: (each.shape[0], *each.shape[2::2]) for name, each in tensors.items()}

    def _prefix(self, tensors: Mapping[str, Any], *, continues: bool) -> Prefix:
        """Return the chosen layers of all. Raises ModelError if stacks differ in theirs."""
        counts = [len(each) for each in tensors.values()]
        if len(set(counts)) > 1:
            raise ModelError(
                f"the encoder of {self._model.info.spec!r} has {counts[0]} layers and its decoder "
                f"{counts[1]}: prefixes are for models with as many in both; use `soft`"
            )
        layers = self._layers(counts[0])
        numbers = [layer - 1 for layer in layers]
        chosen = {name: each[numbers] for name, each in tensors.items()}
        return Prefix.of(chosen, self._model.info.sha256, layers, continues=continues)

    def _keys_values(self, ids: Sequence[int]) -> Mapping[str, Tensor]:
        """Return (layer, key | value, head, token, size) by attention."""
        backend = self._runtime.with_gradients.fast
        try:
            if isinstance(backend, PackedForward):
                return backend.keys_values(ids)
            if isinstance(backend, PackedEncoder):
                return backend.keys_values(ids, 0)
        except UNSUPPORTED_ERRORS as error:
            raise ModelError(f"{self._model.info.spec!r} has no prefixes: {error}") from None
        raise no_prefix(self._model.info.spec)
