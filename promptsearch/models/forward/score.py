"""Passing batches through a model and adding up what is read."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from promptsearch.errors import ModelError
from promptsearch.models import Plan
from promptsearch.models import ScoredTexts as Scored
from promptsearch.models.batching.batch_plan import (
    OUTPUTS,
    Batch,
    BatchPlan,
    EncodedText,
    PlanBlock,
    PlannedSequence,
)
from promptsearch.models.batching.completions import Completion
from promptsearch.models.forward.backends import ForwardBackend, HiddenStates
from promptsearch.models.forward.out_of_memory import batch_halves, block_halves, halving

Assemble = Callable[
    [EncodedText, Completion], tuple[list[int], list[int]]
]  # ids, and positions to read
Prepare = Callable[[Sequence[EncodedText]], ForwardBackend]  # once a block
Read = Callable[
    [Sequence[PlannedSequence], HiddenStates, ForwardBackend, Tensor], None
]  # adds what cells say, by item


class ForwardRecipe(NamedTuple):
    """How a family passes a plan: what its sequences are, and what passes those of a block."""

    assemble: Assemble
    prepare: Prepare


def run(work: BatchPlan, procedure: ForwardRecipe, device: torch.device) -> Iterator[Scored]:
    """Every text exactly once: scores (row, answer) by blocks."""
    width = len(work.blocks[0].items[0].completions.divisors) if work.blocks else 0
    for items, scores in read_blocks(work, procedure, read, torch.zeros(width, device=device)):
        yield scored(items, scores)


def read_blocks(
    plan: BatchPlan, recipe: ForwardRecipe, read: Read, empty: Tensor
) -> Iterator[tuple[Sequence[EncodedText], Tensor]]:
    """Yield each block's items with all that `read` adds up, (item, ...) on the CPU.

    `empty` is the total of one item before anything is read.
    """

    @torch.inference_mode()
    def prepare(block: PlanBlock) -> ForwardBackend:
        return recipe.prepare(block.items)

    for block in plan.blocks:
        for part, backend in halving(block, prepare, block_halves):
            totals = torch.stack([empty] * len(part.items))
            for batch in part.batches:
                _pass(batch.cells, part, recipe.assemble, backend, read, totals)
            yield part.items, totals.cpu()


def scored(items: Sequence[EncodedText], scores: Tensor) -> Scored:
    """By row, divided, from (item, answer) on the CPU; tables can be large: few copies."""
    alike = len({id(item.completions) for item in items}) == 1
    divisors = [item.completions.divisors for item in items]
    divided = scores / (divisors[0] if alike else torch.stack(divisors))
    rows = [row for item in items for row in item.rows]
    if len(rows) == len(items):
        return Scored(rows, divided)
    source = [number for number, item in enumerate(items) for _ in item.rows]
    return Scored(rows, divided[source])


def _pass(
    cells: Sequence[PlannedSequence],
    block: PlanBlock,
    assemble: Assemble,
    backend: ForwardBackend,
    read: Read,
    totals: Tensor,
) -> None:
    """Add what is read of the batch to `totals` (item, ...); in halves if memory runs out."""

    @torch.inference_mode()
    def add(cells: Sequence[PlannedSequence]) -> None:
        added = torch.zeros_like(totals)
        read(cells, _hidden_states(cells, block, assemble, backend), backend, added)
        totals.add_(added)  # all of the batch or nothing

    for _ in halving(cells, add, batch_halves):
        pass


def _hidden_states(
    cells: Sequence[PlannedSequence],
    block: PlanBlock,
    assemble: Assemble,
    backend: ForwardBackend,
) -> HiddenStates:
    """Return the states at the tokens that are read of the block's sequences."""
    sequences, positions = zip(
        *(assemble(block.items[cell.item], cell.completion) for cell in cells), strict=True
    )
    return backend.hidden_states(sequences, positions, [cell.item for cell in cells])


def scores_of(
    batch: Batch, block: PlanBlock, assemble: Assemble, backend: ForwardBackend
) -> Tensor:
    """Return (item, answer): the scores of one batch, with gradients if they are recorded."""
    states = _hidden_states(batch.cells, block, assemble, backend)
    shape = len(block.items), len(block.items[0].completions.divisors)
    scores = torch.zeros(shape, device=states.states.device)
    read(batch.cells, states, backend, scores)
    return scores


def read(
    cells: Sequence[PlannedSequence], reached: HiddenStates, passes: ForwardBackend, scores: Tensor
) -> None:
    """Add what the cells say to `scores` (item, answer).

    Words at some positions at a time, so that memory holds a few of these outputs only.
    """
    counts = [len(cell.completion.positions) for cell in cells]
    ends = np.cumsum([0, *counts])
    for chunk in _parts(counts, OUTPUTS // passes.vocabulary):
        where = reached.positions[ends[chunk.start] : ends[chunk.stop]]
        needed, index = np.unique(where, return_inverse=True)
        logits = passes.logits(reached.states[torch.from_numpy(needed)])
        norms = logits[:, : passes.vocabulary].logsumexp(-1)  # (position,)
        _gather(cells[chunk], torch.from_numpy(index).to(logits.device), logits, norms, scores)


def _parts(counts: Sequence[int], most: int) -> Iterator[slice]:
    """Neighbours together as long as their counts add up to `most` or less."""
    start = total = 0
    for i, count in enumerate(counts):
        if i > start and total + count > most:
            yield slice(start, i)
            start, total = i, 0
        total += count
    yield slice(start, len(counts))


def _gather(
    cells: Sequence[PlannedSequence], index: Tensor, logits: Tensor, norms: Tensor, scores: Tensor
) -> None:
    """Add log p of the answers' tokens; probes that several cells share are read at once.

    `place` (read,) leads from a cell's reads, in order, to logits (position, word).
    """
    first = 0
    sharing: dict[Completion, tuple[list[int], list[int]]] = {}
    for cell in cells:
        items, firsts = sharing.setdefault(cell.completion, ([], []))
        items.append(cell.item)
        firsts.append(first)
        first += len(cell.completion.positions)
    for probe, (items, firsts) in sharing.items():
        reads = torch.tensor(firsts, device=logits.device)[:, None] + probe.which
        positions = index[reads]  # (cell, reading)
        values = logits[positions, probe.tokens] - norms[positions]
        added = values.new_zeros(len(items), scores.shape[1])
        scores[items] += added.index_add_(1, probe.columns, values)


def batch_plan_of(plan: Plan) -> BatchPlan:
    """Return the plan. Raise ModelError if another kind of model made it."""
    if not isinstance(plan, BatchPlan):
        raise ModelError(
            f"this plan is a {type(plan).__name__}; run plans with the model that made them"
        )
    return plan
