"""Passing batches through a model and adding up what is read."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from promptsearch.errors import ModelError
from promptsearch.models import Block, Plan
from promptsearch.models.planning import Cell, Item, Work, batches
from promptsearch.models.probes import Probe

Assemble = Callable[[Item, Probe], tuple[list[int], list[int]]]  # ids, and positions to read
Logits = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
"""(ids, lengths, rows, columns, items) -> (position, word); ids (cell, token) end in zeros."""
Prepare = Callable[[Sequence[Item]], Logits]  # once a block


def run(work: Work, assemble: Assemble, prepare: Prepare, device: torch.device) -> Iterator[Block]:
    """Every text exactly once: scores (row, answer) by blocks."""
    for block in work.blocks:
        logits = prepare(block)
        scores = torch.zeros(len(block), len(block[0].probes.divisors), device=device)
        for batch in batches(block, work.shape):
            _pass(batch, block, assemble, logits, scores)
        yield _block(block, scores.cpu())


def _block(block: Sequence[Item], scores: Tensor) -> Block:
    divided = scores / torch.stack([item.probes.divisors for item in block])
    rows = [row for item in block for row in item.rows]
    source = [number for number, item in enumerate(block) for _ in item.rows]
    return Block(rows, divided[source])


def _pass(
    batch: Sequence[Cell],
    block: Sequence[Item],
    assemble: Assemble,
    logits: Logits,
    scores: Tensor,
) -> None:
    """Add what the batch says to `scores` (item, answer); halve the batch where memory ends."""
    try:
        with torch.inference_mode():
            _read(batch, _output(batch, block, assemble, logits, scores.device), scores)
        return
    except torch.OutOfMemoryError:
        pass  # leave the block first: the error holds on to the tensors
    torch.cuda.empty_cache()
    if len(batch) == 1:
        raise ModelError(
            f"a text of {batch[0].length} tokens does not fit into the device's memory; "
            "shorten it, or use --device cpu"
        )
    for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]):
        _pass(half, block, assemble, logits, scores)


def _output(
    batch: Sequence[Cell],
    block: Sequence[Item],
    assemble: Assemble,
    logits: Logits,
    device: torch.device,
) -> Tensor:
    """Logits (position, word) at all positions of all cells, in order."""
    made = [assemble(block[cell.item], cell.probe) for cell in batch]
    lengths = [len(ids) for ids, _ in made]
    longest = max(lengths)
    padded = [ids + [0] * (longest - len(ids)) for ids, _ in made]
    rows = [i for i, (_, positions) in enumerate(made) for _ in positions]
    columns = [position for _, positions in made for position in positions]
    items = [cell.item for cell in batch]
    parts = (torch.tensor(part, device=device) for part in (padded, lengths, rows, columns, items))
    return logits(*parts)


def _read(batch: Sequence[Cell], logits: Tensor, scores: Tensor) -> None:
    """Gather log p of the answers' tokens; probes that several cells share are read at once."""
    norms = logits.logsumexp(-1)  # (position,)
    first = 0
    sharing: dict[Probe, tuple[list[int], list[int]]] = {}
    for cell in batch:
        items, firsts = sharing.setdefault(cell.probe, ([], []))
        items.append(cell.item)
        firsts.append(first)
        first += len(cell.probe.places)
    for probe, (items, firsts) in sharing.items():
        positions = torch.tensor(firsts, device=logits.device)[:, None] + probe.which
        values = logits[positions, probe.tokens] - norms[positions]  # (cell, reading)
        added = values.new_zeros(len(items), scores.shape[1])
        scores[items] += added.index_add_(1, probe.columns, values)


def work_of(plan: Plan) -> Work:
    """The plan as ours; `ModelError` for a plan that another model made."""
    if not isinstance(plan, Work):
        raise ModelError(
            f"this plan is a {type(plan).__name__}; run plans with the model that made them"
        )
    return plan
