"""Work laid out before it is run: order, share, cut under a token budget. No model in here."""

from collections.abc import Iterator, Sequence

from promptsearch.models.batching.batch_plan import (
    Batch,
    PlanBlock,
    PlannedSequence,
    EncodedText,
    BatchLimits,
    BatchPlan,
)
from promptsearch.models.batching.completions import Completion
from promptsearch.models.batching.prefix_tree import common_prefix_length

SCORES = 1 << 24  # cells of a block's (row, answer) table


def plan_batches(items: Sequence[EncodedText], shape: BatchLimits, once: bool = False) -> BatchPlan:
    """Blocks of items of like length, or with like beginnings; ties keep the order asked in."""
    order = _alike(items) if shape.shared and not once else sorted(items, key=_by_length)
    blocks = (
        PlanBlock(items_of_block, tuple(_batches(items_of_block, shape, once)))
        for items_of_block in _blocks(order, shape)
    )
    return BatchPlan(tuple(blocks), shape, once)


def _by_length(item: EncodedText) -> tuple[int, int]:
    return len(item.ids) + item.completions.longest, item.rows[0]


def _alike(items: Sequence[EncodedText]) -> list[EncodedText]:
    """Items that share half of the shorter one or more are neighbours; groups go by length."""
    groups: list[list[EncodedText]] = []
    for item in sorted(items, key=lambda item: (item.ids, item.rows[0])):
        last = groups[-1][-1].ids if groups else ()
        if groups and 2 * common_prefix_length(last, item.ids) >= min(len(last), len(item.ids)):
            groups[-1].append(item)
        else:
            groups.append([item])
    groups.sort(key=lambda group: (max(map(_by_length, group))[0], group[0].rows[0]))
    return [item for group in groups for item in group]


def _blocks(items: Sequence[EncodedText], shape: BatchLimits) -> Iterator[tuple[EncodedText, ...]]:
    block: list[EncodedText] = []
    tokens = 0
    for item in items:
        tokens = _tokens_with(item, block, tokens, shape)
        table = (len(block) + 1) * len(item.completions.divisors)
        if block and (tokens > shape.budget or table > SCORES):
            yield tuple(block)
            block, tokens = [], _tokens_with(item, [], 0, shape)
        block.append(item)
    if block:
        yield tuple(block)


def _tokens_with(
    item: EncodedText, block: Sequence[EncodedText], tokens: int, shape: BatchLimits
) -> int:
    """Tokens of the block (it has `tokens`) once the item is in it, with its longest filling."""
    length = len(item.ids) + item.completions.longest
    if not shape.packed:
        return (len(block) + 1) * length
    if not shape.shared:
        return tokens + length
    last = block[-1].ids if block else ()
    fills = sum(len(probe.fill) for probe in item.completions.completions)
    return tokens + len(item.ids) - common_prefix_length(last, item.ids) + fills


def _batches(block: Sequence[EncodedText], shape: BatchLimits, once: bool) -> Iterator[Batch]:
    """The block's sequences in batches: those that share beginnings together, else by length."""
    batch: list[PlannedSequence] = []
    size = 0
    for cell in _shared(block, once) if shape.shared else _sorted(block, once):
        size = size + cell.fresh if shape.packed else (len(batch) + 1) * cell.length
        if batch and size > shape.budget:
            yield Batch(tuple(batch))
            batch, size = [], cell.length
        if not batch:  # nothing before it to share with
            cell = PlannedSequence(cell.item, cell.completion, cell.length, cell.length)
            size = cell.length
        batch.append(cell)
    if batch:
        yield Batch(tuple(batch))


def _sorted(block: Sequence[EncodedText], once: bool) -> list[PlannedSequence]:
    """Cells by length; of a length, those of one probe together, so that they are read at once."""
    serials: dict[Completion, int] = {}
    keyed = []
    for number, item in enumerate(block):
        prefix_length = 1 if once else len(item.ids) - len(item.slots)
        for probe in item.completions.completions:
            length = prefix_length + len(probe.fill)
            key = (length, serials.setdefault(probe, len(serials)), number)
            keyed.append((key, PlannedSequence(number, probe, length, length)))
    return [cell for _, cell in sorted(keyed, key=lambda pair: pair[0])]


def _shared(block: Sequence[EncodedText], once: bool) -> Iterator[PlannedSequence]:
    """Cells item by item, an item's fillings in sorted order, each with what is new in it."""
    before: Sequence[int] = ()
    for number, item in enumerate(block):
        prefix: Sequence[int] = (-1 - number,) if once else item.ids
        for probe in sorted(item.completions.completions, key=lambda probe: probe.fill):
            line = (*prefix, *probe.fill)
            yield PlannedSequence(
                number, probe, len(line), len(line) - common_prefix_length(before, line)
            )
            before = line
