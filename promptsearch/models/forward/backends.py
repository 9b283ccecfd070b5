"""Backends of the forward pass: padded batches, packed rows, and a fused forward of our own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from promptsearch.models.batching.option_layout import OptionTokens
from promptsearch.models.batching.prefix_tensors import PrefixTensors
from promptsearch.models.batching.prefix_tree import (
    PrefixTree,
    pack_separately,
    pack_sharing_prefixes,
)
from promptsearch.models.forward.attention import without_cudnn
from promptsearch.models.forward.attention_patch import (
    AttentionContext,
    LayerPrefixes,
    packed,
)
from promptsearch.models.forward.body_and_head import OutputHead
from promptsearch.models.forward.fused_bert import FusedEncoder
from promptsearch.models.forward.layer_prefixes import KeyValueRecorder, PrefixReader
from promptsearch.models.forward.patched import patched
from promptsearch.prompt.prefix import SELF

_GELU = partial(F.gelu, approximate="tanh")  # one operator instead of eight on large tensors

Sequences = Sequence[Sequence[int]]  # (sequence, token)
Positions = Sequence[Sequence[int]]  # for each sequence, the tokens whose output is wanted


@dataclass(frozen=True, eq=False)
class HiddenStates:
    """Hidden states at the tokens that are read; a token that several sequences share, once."""

    states: Tensor  # (position, hidden)
    positions: NDArray[np.int64]  # (read,) position of each sequence's reads, in order


class ForwardBackend(Protocol):
    """A way to run sequences; a sequence's root is the text that a decoder attends to."""

    @property
    def shares_prefixes(self) -> bool:
        """True if common prefixes pass through the model once."""
        ...

    @property
    def vocabulary(self) -> int:
        """Count of words in the output."""
        ...

    def hidden_states(
        self, sequences: Sequences, positions: Positions, roots: Sequence[int]
    ) -> HiddenStates:
        """Return the states at each sequence's `positions`."""
        ...

    def logits(self, states: Tensor) -> Tensor:
        """Return (position, word), in float32, from (position, hidden)."""
        ...


@dataclass(frozen=True, eq=False)
class PaddedForward:
    """Padded batches through transformers' own forward, which every model has."""

    outputs: OutputHead
    inputs: Callable[[Tensor, Tensor, Tensor], dict[str, Any]]  # of ids, lengths, roots
    device: torch.device
    padded: bool = True  # or only sequences of one length together
    shares_prefixes: bool = False

    def hidden_states(
        self, sequences: Sequences, positions: Positions, roots: Sequence[int]
    ) -> HiddenStates:
        if self.padded:
            return self._together(sequences, positions, roots)
        states: list[Tensor] = [torch.empty(0)] * len(sequences)
        for length in {len(line) for line in sequences}:
            members = [i for i, line in enumerate(sequences) if len(line) == length]
            member_positions = [positions[i] for i in members]
            group = self._together(
                [sequences[i] for i in members], member_positions, [roots[i] for i in members]
            )
            for i, sequence_states in zip(
                members, group.states.split(list(map(len, member_positions))), strict=True
            ):
                states[i] = sequence_states
        joined = torch.cat(states)
        return HiddenStates(joined, np.arange(len(joined)))

    def _together(
        self, sequences: Sequences, positions: Positions, roots: Sequence[int]
    ) -> HiddenStates:
        inputs = self.inputs(
            *padded(sequences, self.device), torch.tensor(roots, device=self.device)
        )
        with without_cudnn():
            states = self.outputs.states(inputs)  # (sequence, token, hidden)
        rows = [i for i, read in enumerate(positions) for _ in read]
        columns = [column for read in positions for column in read]
        return HiddenStates(states[rows, columns], np.arange(len(rows)))

    @property
    def vocabulary(self) -> int:
        return self.outputs.vocabulary

    def logits(self, states: Tensor) -> Tensor:
        return self.outputs.logits(states)


@dataclass(frozen=True, eq=False)
class PackedForward:
    """One row of tokens through the model's own layers, with attention along the tree's paths."""

    outputs: OutputHead
    configs: Sequence[Any]
    gelus: Sequence[Any]  # the model's activations that approximate GELU by tanh
    # Of ids, depths and types (None: no sequence has a second one), (1, token) each.
    inputs: Callable[[Tensor, Tensor, Tensor | None], dict[str, Any]]
    shares_prefixes: bool
    device: torch.device
    prefix: PrefixTensors | None = None
    options: OptionTokens | None = None  # of sequences with options; they share no prefixes

    def hidden_states(
        self, sequences: Sequences, positions: Positions, roots: Sequence[int]
    ) -> HiddenStates:
        tree = self._tree(sequences)
        tokens, index = read_tokens(tree, positions)
        reader = None if self.prefix is None else PrefixReader(self.prefix)
        states = self._states(tree.to(self.device), reader)
        return HiddenStates(states[tokens.to(states.device)], index)

    def _tree(self, sequences: Sequences) -> PrefixTree:
        if self.options is not None:
            return self.options.packed(sequences)
        if self.shares_prefixes:
            return pack_sharing_prefixes(sequences, [0] * len(sequences))
        return pack_separately(sequences)

    def keys_values(self, ids: Sequence[int]) -> Mapping[str, Tensor]:
        """Return those of tokens by attention: see `KeyValueRecorder.tensors`."""
        recorder = KeyValueRecorder()
        with torch.inference_mode():
            self._states(pack_separately([ids]).to(self.device), recorder)
        return recorder.tensors(SELF, len(ids))

    def _states(self, tree: PrefixTree, prefixes: LayerPrefixes | None) -> Tensor:
        """Return (token, hidden) of the row."""
        length = 0 if self.prefix is None else self.prefix.length
        types = None if tree.types is None else tree.types[None]
        inputs = self.inputs(tree.ids[None], tree.depths[None] + length, types)
        with (
            packed(self.configs, AttentionContext(tree, prefix=prefixes)),
            patched(*self.gelus, forward=_GELU),
        ):
            return self.outputs.states(inputs)[0]

    @property
    def vocabulary(self) -> int:
        return self.outputs.vocabulary

    def logits(self, states: Tensor) -> Tensor:
        return self.outputs.logits(states)


@dataclass(frozen=True, eq=False)
class FusedForward:
    """One row of tokens through a forward pass of our own."""

    encoder: FusedEncoder
    vocabulary: int
    device: torch.device
    shares_prefixes: bool = False
    options: OptionTokens | None = None  # of sequences with options

    def hidden_states(
        self, sequences: Sequences, positions: Positions, roots: Sequence[int]
    ) -> HiddenStates:
        pack = pack_separately if self.options is None else self.options.packed
        tree = pack(sequences).to(self.device)
        tokens, index = read_tokens(tree, positions)
        with torch.inference_mode(), without_cudnn():
            return HiddenStates(self.encoder.states(tree, tokens.to(self.device)), index)

    def logits(self, states: Tensor) -> Tensor:
        with torch.inference_mode():
            return self.encoder.logits(states)


@dataclass(frozen=True, eq=False)
class DelegatingForward:
    """A backend that does as another one does; subclasses change a part of it."""

    backend: ForwardBackend

    @property
    def shares_prefixes(self) -> bool:
        return self.backend.shares_prefixes

    @property
    def vocabulary(self) -> int:
        return self.backend.vocabulary

    def hidden_states(
        self, sequences: Sequences, positions: Positions, roots: Sequence[int]
    ) -> HiddenStates:
        return self.backend.hidden_states(sequences, positions, roots)

    def logits(self, states: Tensor) -> Tensor:
        return self.backend.logits(states)


def padded(lines: Sequences, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return ids (sequence, token), zeros at their ends, and lengths (sequence,)."""
    lengths = [len(line) for line in lines]
    ids = [[*line, *[0] * (max(lengths) - len(line))] for line in lines]
    return torch.tensor(ids, device=device), torch.tensor(lengths, device=device)


def read_tokens(tree: PrefixTree, positions: Positions) -> tuple[Tensor, NDArray[np.int64]]:
    """Return the distinct tokens of the row that are read, and the index of each read in them."""
    rows = [
        path[list(read_positions)]
        for path, read_positions in zip(tree.paths, positions, strict=True)
    ]
    tokens, index = np.unique(np.concatenate(rows), return_inverse=True)
    return torch.from_numpy(tokens), index
