"""The ways a batch can pass through a model, from the fastest that fits it to the plain one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from promptsearch.models.batching.prefix_tree import PrefixTree, pack_sharing_prefixes, pack_separately
from promptsearch.models.forward.attention import without_cudnn
from promptsearch.models.forward.attention_context import AttentionContext
from promptsearch.models.forward.attention_patch import packed
from promptsearch.models.forward.body_and_head import OutputHead
from promptsearch.models.forward.fused_bert import FusedEncoder

Sequences = Sequence[Sequence[int]]  # (sequence, token)
Positions = Sequence[Sequence[int]]  # for each sequence, the tokens whose output is wanted


@dataclass(frozen=True, eq=False)
class HiddenStates:
    """Hidden states at the tokens that are read; each read one of several sequences stands once."""

    states: Tensor  # (position, hidden)
    positions: NDArray[np.int64]  # (read,) position of each sequence's reads, in order


class ForwardBackend(Protocol):
    """One way of passing sequences; a root is the text that a decoder's sequence reads."""

    @property
    def shared(self) -> bool:
        """Whether what sequences begin with is passed once."""
        ...

    @property
    def vocabulary(self) -> int:
        """How many words there are."""
        ...

    def hidden_states(self, lines: Sequences, places: Positions, roots: Sequence[int]) -> HiddenStates: ...

    def logits(self, states: Tensor) -> Tensor:
        """(position, hidden) to (position, word), in float32."""
        ...


@dataclass(frozen=True, eq=False)
class PaddedForward:
    """Padded batches through the model as transformers has it: what every model can do."""

    outputs: OutputHead
    inputs: Callable[[Tensor, Tensor, Tensor], dict[str, Any]]  # of ids, lengths, roots
    device: torch.device
    padded: bool = True  # or only sequences of one length together
    shared: bool = False

    def hidden_states(self, lines: Sequences, places: Positions, roots: Sequence[int]) -> HiddenStates:
        if self.padded:
            return self._together(lines, places, roots)
        states: list[Tensor] = [torch.empty(0)] * len(lines)
        for length in {len(line) for line in lines}:
            some = [i for i, line in enumerate(lines) if len(line) == length]
            asked = [places[i] for i in some]
            own = self._together([lines[i] for i in some], asked, [roots[i] for i in some])
            for i, mine in zip(some, own.states.split(list(map(len, asked))), strict=True):
                states[i] = mine
        found = torch.cat(states)
        return HiddenStates(found, np.arange(len(found)))

    def _together(self, lines: Sequences, places: Positions, roots: Sequence[int]) -> HiddenStates:
        asked = self.inputs(*padded(lines, self.device), torch.tensor(roots, device=self.device))
        with without_cudnn():
            states = self.outputs.states(asked)  # (sequence, token, hidden)
        rows = [i for i, own in enumerate(places) for _ in own]
        columns = [place for own in places for place in own]
        return HiddenStates(states[rows, columns], np.arange(len(rows)))

    @property
    def vocabulary(self) -> int:
        return self.outputs.vocabulary

    def logits(self, states: Tensor) -> Tensor:
        return self.outputs.logits(states)


@dataclass(frozen=True, eq=False)
class PackedForward:
    """One row of tokens through the model's own layers, with attention along the forest's paths."""

    outputs: OutputHead
    configs: Sequence[Any]
    gelus: Sequence[Any]  # the model's activations that approximate GELU by tanh
    inputs: Callable[[Tensor, Tensor], dict[str, Any]]  # of ids and depths, (1, token) each
    shared: bool
    device: torch.device

    def hidden_states(self, lines: Sequences, places: Positions, roots: Sequence[int]) -> HiddenStates:
        own = pack_sharing_prefixes(lines, [0] * len(lines)) if self.shared else pack_separately(lines)
        forest = own.to(self.device)
        read, where = reads(forest, places)
        with packed(self.configs, AttentionContext(forest)), _in_one_step(self.gelus):
            states = self.outputs.states(self.inputs(forest.ids[None], forest.depths[None]))
        return HiddenStates(states[0, read.to(states.device)], where)

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
    shared: bool = False

    def hidden_states(self, lines: Sequences, places: Positions, roots: Sequence[int]) -> HiddenStates:
        forest = pack_separately(lines).to(self.device)
        read, where = reads(forest, places)
        with torch.inference_mode(), without_cudnn():
            return HiddenStates(self.encoder.states(forest, read.to(self.device)), where)

    def logits(self, states: Tensor) -> Tensor:
        with torch.inference_mode():
            return self.encoder.logits(states)


@contextmanager
def _in_one_step(gelus: Sequence[Any]) -> Iterator[None]:
    """While open, these activations are torch's own operator instead of eight on large tensors."""
    for module in gelus:
        module.forward = partial(F.gelu, approximate="tanh")
    try:
        yield
    finally:
        for module in gelus:
            del module.forward


def padded(lines: Sequences, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids (sequence, token), zeros at their ends, and lengths (sequence,)."""
    lengths = [len(line) for line in lines]
    ids = [[*line, *[0] * (max(lengths) - len(line))] for line in lines]
    return torch.tensor(ids, device=device), torch.tensor(lengths, device=device)


def reads(forest: PrefixTree, places: Positions) -> tuple[Tensor, NDArray[np.int64]]:
    """The tokens of the row that are read, each once, and where each sequence's reads are."""
    rows = [path[list(own)] for path, own in zip(forest.paths, places, strict=True)]
    read, where = np.unique(np.concatenate(rows), return_inverse=True)
    return torch.from_numpy(read), where
