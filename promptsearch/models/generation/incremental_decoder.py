"""Decoders that write token by token after encoded texts, the same tokens after every text.

The hypotheses of a beam are a tree that grows by a layer a step. Each text is encoded once; a step
passes the new tokens only, and caches their keys and values. If a model cannot be packed, or gives
other numbers that way, whole sequences pass again.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor

from promptsearch.models.batching.prefix_tree import KEYS, PrefixTree, SegmentRun, pack_separately
from promptsearch.models.forward.attention_patch import (
    AttentionContext,
    CrossAttention,
    KVCache,
    distance_biases,
    packed,
)
from promptsearch.models.forward.backends import ForwardBackend, Sequences
from promptsearch.models.forward.body_and_head import UNSUPPORTED_ERRORS, with_states
from promptsearch.models.forward.encoder_decoder import (
    EncoderBackend,
    PackedEncoder,
)
from promptsearch.models.forward.runtime import ModelRuntime

LONGEST = 64  # tokens that a decoder may write
NEAR = 1e-3  # tolerance for hidden states of two decoders


class IncrementalDecoder(Protocol):
    """The decoders of a beam's hypotheses."""

    def grow(self, parents: Tensor, tokens: Tensor) -> Tensor:
        """Return (text, beam, hidden) states after `tokens` (beam,) follow hypotheses `parents`.

        `parents` (beam,) index the hypotheses of the last call; in the first call they have no
        meaning.
        """
        ...

    def logits(self, states: Tensor) -> Tensor:
        """Return (position, word), in float32, from (position, hidden)."""
        ...


@dataclass(eq=False)
class CachingDecoder:
    """Decoders that pass new tokens only, and cache keys and values."""

    encoder: PackedEncoder
    sources: PrefixTree
    encoded: Any  # the encoder's output
    cache: KVCache = field(default_factory=KVCache)
    paths: Tensor | None = None  # (text, beam, token) rows of the memory
    rows: int = 0

    @classmethod
    def for_texts(cls, encoder: PackedEncoder, texts: Sequences) -> "CachingDecoder":
        """Return decoders of encoded texts with nothing written yet."""
        sources = pack_separately(texts).to(encoder.model.device)
        return cls(encoder, sources, encoder.encoded(sources, texts))

    def grow(self, parents: Tensor, tokens: Tensor) -> Tensor:
        texts, beams = len(self.sources.paths), len(tokens)
        self._lengthen(parents, beams)
        assert self.paths is not None
        tree = self._layer(self.paths.flatten(0, 1), tokens.repeat(texts))
        context = AttentionContext(tree, tuple(self._cross_attention(beams)), self.cache)
        inputs = {
            "encoder_outputs": self.encoded,
            "decoder_input_ids": tree.ids[None],
            "use_cache": False,
        }
        encoder = self.encoder
        with packed(encoder.configs, context), distance_biases(encoder.model, LONGEST):
            states = encoder.outputs.states(inputs)
        states_of_one = self.encoded.last_hidden_state[:, :1]
        self.encoded = with_states(self.encoded, states_of_one)  # the memory holds the rest
        return states[0].view(texts, beams, -1)

    def logits(self, states: Tensor) -> Tensor:
        return self.encoder.outputs.logits(states)

    def _lengthen(self, parents: Tensor, beams: int) -> None:
        """Add a row for each new token; forget rows that no hypothesis goes through."""
        texts = len(self.sources.paths)
        if self.paths is not None:
            alive, paths = self.paths[:, parents].unique(return_inverse=True)
            if 2 * len(alive) < self.rows:
                self.cache.keep(alive)
                self.paths, self.rows = paths, len(alive)
            else:
                self.paths = self.paths[:, parents]
        device = self.sources.ids.device
        new_rows = torch.arange(texts * beams, device=device).view(texts, beams, 1) + self.rows
        self.paths = new_rows if self.paths is None else torch.cat([self.paths, new_rows], -1)
        self.rows += texts * beams

    def _layer(self, paths: Tensor, ids: Tensor) -> PrefixTree:
        """Return a tree of new tokens (token,) that attend to paths (token, key)."""
        count, key_length = paths.shape
        size = max(1, KEYS // key_length)
        runs = tuple(
            SegmentRun(start, len(chunk), 1, key_length, chunk)
            for start, chunk in zip(range(0, count, size), paths.split(size), strict=True)
        )
        return PrefixTree(ids, torch.full_like(ids, key_length - 1), runs, ())

    def _cross_attention(self, beams: int) -> list[CrossAttention]:
        """Return the attention of new tokens to their texts, by length of the text."""
        by_length: dict[int, list[int]] = defaultdict(list)
        for text, path in enumerate(self.sources.paths):
            by_length[len(path)].append(text)
        device = self.sources.ids.device
        queries = torch.arange(len(self.sources.paths) * beams, device=device).view(-1, beams)
        return [
            CrossAttention(queries[texts], torch.stack([self._source(text) for text in texts]))
            for texts in by_length.values()
        ]

    def _source(self, text: int) -> Tensor:
        return torch.from_numpy(self.sources.paths[text]).to(self.sources.ids.device)


@dataclass(eq=False)
class RecomputingDecoder:
    """Decoders that pass whole sequences at every step."""

    backend: ForwardBackend
    texts: int
    hypotheses: list[list[int]] = field(default_factory=list)  # by hypothesis

    @classmethod
    def for_texts(cls, encoder: EncoderBackend, texts: Sequences) -> "RecomputingDecoder":
        """Return decoders of encoded texts with nothing written yet."""
        return cls(encoder.decoder_for(texts), len(texts))

    def grow(self, parents: Tensor, tokens: Tensor) -> Tensor:
        previous = self.hypotheses or [[] for _ in parents]
        self.hypotheses = [
            [*previous[parent], token]
            for parent, token in zip(parents.tolist(), tokens.tolist(), strict=True)
        ]
        sequences = self.hypotheses * self.texts
        roots = [text for text in range(self.texts) for _ in self.hypotheses]
        hidden = self.backend.hidden_states(
            sequences, [[len(line) - 1] for line in sequences], roots
        )
        return hidden.states[torch.from_numpy(hidden.positions)].view(self.texts, len(tokens), -1)

    def logits(self, states: Tensor) -> Tensor:
        return self.backend.logits(states)


def decoder_factory(
    runtime: ModelRuntime[EncoderBackend], texts: Sequences
) -> Callable[[Sequences], IncrementalDecoder]:
    """Return a constructor of decoders: the fastest whose states match the plain one's."""
    fast = runtime.fast
    if not isinstance(fast, PackedEncoder) or max(map(len, texts)) > runtime.window:
        return partial(RecomputingDecoder.for_texts, runtime.plain)
    if _agrees(fast, runtime.plain, texts[:2]):
        return partial(CachingDecoder.for_texts, fast)
    return partial(RecomputingDecoder.for_texts, fast)


def _agrees(fast: PackedEncoder, plain: EncoderBackend, texts: Sequences) -> bool:
    """Return True if two hypotheses that part and grow have equal states with both decoders."""
    device = fast.model.device
    steps = torch.tensor([[[0, 0], [0, 1]], [[1, 0], [2, 3]], [[0, 0], [1, 1]]], device=device)
    try:
        packed, padded = (
            CachingDecoder.for_texts(fast, texts),
            RecomputingDecoder.for_texts(plain, texts),
        )
        for parents, tokens in steps:
            states, expected = (each.grow(parents, tokens).float() for each in (packed, padded))
            if not torch.allclose(states, expected, NEAR, NEAR):
                return False
    except UNSUPPORTED_ERRORS:
        return False
    return True
