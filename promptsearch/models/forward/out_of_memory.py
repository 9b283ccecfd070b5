"""Halving of work that does not fit into the device's memory."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from promptsearch.errors import ModelError
from promptsearch.models.batching.batch_plan import PlanBlock, PlannedSequence

Part = TypeVar("Part")
Result = TypeVar("Result")


def halving(
    part: Part, run: Callable[[Part], Result], halves: Callable[[Part], tuple[Part, Part]]
) -> Iterator[tuple[Part, Result]]:
    """Yield the part with its result, or its halves with theirs if it does not fit into memory.

    `halves` raises ModelError for a part that cannot be halved.
    """
    try:
        result = run(part)
    except torch.OutOfMemoryError:
        pass  # leave the block first: the error holds on to the tensors
    else:
        yield part, result
        return
    torch.cuda.empty_cache()
    for half in halves(part):
        yield from halving(half, run, halves)


def block_halves(block: PlanBlock) -> tuple[PlanBlock, PlanBlock]:
    """Return the two halves of a block. Raise ModelError if it has one text only."""
    if len(block.items) == 1:
        raise _too_long(len(block.items[0].ids))
    return block.halves


def batch_halves(
    sequences: Sequence[PlannedSequence],
) -> tuple[Sequence[PlannedSequence], Sequence[PlannedSequence]]:
    """Return the two halves of a batch. Raise ModelError if it has one sequence only."""
    if len(sequences) == 1:
        raise _too_long(sequences[0].length)
    middle = len(sequences) // 2
    return sequences[:middle], sequences[middle:]


def _too_long(length: int) -> ModelError:
    return ModelError(
        f"a text of {length} tokens does not fit into the device's memory; shorten it, or use "
        "--device cpu"
    )
