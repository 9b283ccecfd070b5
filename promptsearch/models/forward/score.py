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
    for items, scores in passed(work, procedure, read, torch.zeros(width, device=device)):
        yield scored(items, scores)


def passed(
    work: BatchPlan, procedure: ForwardRecipe, read: Read, nothing: Tensor
) -> Iterator[tuple[Sequence[EncodedText], Tensor]]:
    """What is read of each block's items, (item, ...) on the CPU; `nothing` is that of one."""
    for block in work.blocks:
        for part, passes in _prepared(block, procedure.prepare):
            totals = torch.stack([nothing] * len(part.items))
            for batch in part.batches:
                _pass(batch.cells, part, procedure.assemble, passes, read, totals)
            yield part.items, totals.cpu()


def _prepared(block: PlanBlock, prepare: Prepare) -> Iterator[tuple[PlanBlock, ForwardBackend]]:
    """The block, in halves where memory ends before it is prepared."""
    try:
        with torch.inference_mode():
            passes = prepare(block.items)
        yield block, passes
        return
    except torch.OutOfMemoryError:
        pass
    torch.cuda.empty_cache()
    if len(block.items) == 1:
        raise too_long(len(block.items[0].ids))
    for half in block.halves:
        yield from _prepared(half, prepare)


def too_long(length: int) -> ModelError:
    return ModelError(
        f"a text of {length} tokens does not fit into the device's memory; shorten it, or use "
        "--device cpu"
    )


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
    passes: ForwardBackend,
    read: Read,
    total: Tensor,
) -> None:
    """Add what the batch says to `total` (item, ...); halve the batch where memory ends."""
    lines, positions = zip(
        *(assemble(block.items[c.item], c.completion) for c in cells), strict=True
    )
    try:
        with torch.inference_mode():
            reached = passes.hidden_states(lines, positions, [cell.item for cell in cells])
            batch_total = torch.zeros_like(total)
            read(cells, reached, passes, batch_total)
            total += batch_total  # all of the batch or nothing
        return
    except torch.OutOfMemoryError:
        pass  # leave the block first: the error holds on to the tensors
    torch.cuda.empty_cache()
    if len(cells) == 1:
        raise too_long(cells[0].length)
    for half in (cells[: len(cells) // 2], cells[len(cells) // 2 :]):
        _pass(half, block, assemble, passes, read, total)


def scores_of(batch: Batch, block: PlanBlock, assemble: Assemble, passes: ForwardBackend) -> Tensor:
    """(item, answer): what one batch of the block says, with gradients where they are kept."""
    items, cells = block.items, batch.cells
    lines, positions = zip(*(assemble(items[c.item], c.completion) for c in cells), strict=True)
    reached = passes.hidden_states(lines, positions, [cell.item for cell in cells])
    scores = torch.zeros(
        len(items), len(items[0].completions.divisors), device=reached.states.device
    )
    read(cells, reached, passes, scores)
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
