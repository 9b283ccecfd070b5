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

from promptsearch.models.batching.prefix_tree import Forest, forest_of, row_of
from promptsearch.models.forward.attention import without_cudnn
from promptsearch.models.forward.attention_context import Passing
from promptsearch.models.forward.attention_patch import packed
from promptsearch.models.forward.body_and_head import Ending
from promptsearch.models.forward.fused_bert import FusedEncoder

Lines = Sequence[Sequence[int]]  # (sequence, token)
Places = Sequence[Sequence[int]]  # for each sequence, the tokens whose output is wanted


@dataclass(frozen=True, eq=False)
class Reached:
    """Hidden states at the tokens that are read; each read one of several sequences stands once."""

    states: Tensor  # (position, hidden)
    where: NDArray[np.int64]  # (read,) position of each sequence's reads, in order


class Passes(Protocol):
    """One way of passing sequences; a root is the text that a decoder's sequence reads."""

    @property
    def shared(self) -> bool:
        """Whether what sequences begin with is passed once."""
        ...

    @property
    def vocabulary(self) -> int:
        """How many words there are."""
        ...

    def reach(self, lines: Lines, places: Places, roots: Sequence[int]) -> Reached: ...

    def logits(self, states: Tensor) -> Tensor:
        """(position, hidden) to (position, word), in float32."""
        ...


@dataclass(frozen=True, eq=False)
class Plain:
    """Padded batches through the model as transformers has it: what every model can do."""

    outputs: Ending
    inputs: Callable[[Tensor, Tensor, Tensor], dict[str, Any]]  # of ids, lengths, roots
    device: torch.device
    padded: bool = True  # or only sequences of one length together
    shared: bool = False

    def reach(self, lines: Lines, places: Places, roots: Sequence[int]) -> Reached:
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
        return Reached(found, np.arange(len(found)))

    def _together(self, lines: Lines, places: Places, roots: Sequence[int]) -> Reached:
        asked = self.inputs(*padded(lines, self.device), torch.tensor(roots, device=self.device))
        with without_cudnn():
            states = self.outputs.states(asked)  # (sequence, token, hidden)
        rows = [i for i, own in enumerate(places) for _ in own]
        columns = [place for own in places for place in own]
        return Reached(states[rows, columns], np.arange(len(rows)))

    @property
    def vocabulary(self) -> int:
        return self.outputs.vocabulary

    def logits(self, states: Tensor) -> Tensor:
        return self.outputs.logits(states)


@dataclass(frozen=True, eq=False)
class Packed:
    """One row of tokens through the model's own layers, with attention along the forest's paths."""

    outputs: Ending
    configs: Sequence[Any]
    gelus: Sequence[Any]  # the model's activations that approximate GELU by tanh
    inputs: Callable[[Tensor, Tensor], dict[str, Any]]  # of ids and depths, (1, token) each
    shared: bool
    device: torch.device

    def reach(self, lines: Lines, places: Places, roots: Sequence[int]) -> Reached:
        own = forest_of(lines, [0] * len(lines)) if self.shared else row_of(lines)
        forest = own.to(self.device)
        read, where = reads(forest, places)
        with packed(self.configs, Passing(forest)), _in_one_step(self.gelus):
            states = self.outputs.states(self.inputs(forest.ids[None], forest.depths[None]))
        return Reached(states[0, read.to(states.device)], where)

    @property
    def vocabulary(self) -> int:
        return self.outputs.vocabulary

    def logits(self, states: Tensor) -> Tensor:
        return self.outputs.logits(states)


@dataclass(frozen=True, eq=False)
class Fused:
    """One row of tokens through a forward pass of our own."""

    encoder: FusedEncoder
    vocabulary: int
    device: torch.device
    shared: bool = False

    def reach(self, lines: Lines, places: Places, roots: Sequence[int]) -> Reached:
        forest = row_of(lines).to(self.device)
        read, where = reads(forest, places)
        with torch.inference_mode(), without_cudnn():
            return Reached(self.encoder.states(forest, read.to(self.device)), where)

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


def padded(lines: Lines, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids (sequence, token), zeros at their ends, and lengths (sequence,)."""
    lengths = [len(line) for line in lines]
    ids = [[*line, *[0] * (max(lengths) - len(line))] for line in lines]
    return torch.tensor(ids, device=device), torch.tensor(lengths, device=device)


def reads(forest: Forest, places: Places) -> tuple[Tensor, NDArray[np.int64]]:
    """The tokens of the row that are read, each once, and where each sequence's reads are."""
    rows = [path[list(own)] for path, own in zip(forest.paths, places, strict=True)]
    read, where = np.unique(np.concatenate(rows), return_inverse=True)
    return torch.from_numpy(read), where
