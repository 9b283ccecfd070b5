"""Work laid out before it is run: order, share, cut under a token budget. No model in here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from promptsearch.models.forest import KEYS, agreeing
from promptsearch.models.probes import Probe, Probes

SCORES = 1 << 24  # cells of a block's (row, answer) table
OUTPUTS = 1 << 24  # cells of a (position, word) output held at a time: 64 MB in float32


@dataclass(frozen=True, eq=False)
class Item:
    """One distinct text: its ids, where its slots are, and which of the texts asked for it is."""

    ids: Sequence[int]
    slots: Sequence[int]
    probes: Probes
    rows: Sequence[int]


@dataclass(frozen=True)
class Cell:
    """One sequence to pass: a text with one filling."""

    item: int  # index inside its block
    probe: Probe
    length: int
    fresh: int  # tokens that its neighbour before it does not share


@dataclass(frozen=True)
class Batch:
    """Sequences that pass together."""

    cells: tuple[Cell, ...]

    @property
    def tokens(self) -> int:
        """Tokens that pass, padding left out."""
        return sum(cell.fresh for cell in self.cells)

    @property
    def longest(self) -> int:
        return max(cell.length for cell in self.cells)

    @property
    def positions(self) -> int:
        """Positions that are read."""
        return sum(len(cell.probe.places) for cell in self.cells)


@dataclass(frozen=True)
class Shape:
    """What decides how much fits: sizes of the model, the budget, and how sequences are passed."""

    budget: int  # tokens of a batch, padding included
    vocabulary: int
    hidden: int
    feed_forward: int
    heads: int
    packed: bool = False  # sequences stand in one row, without padding
    shared: bool = False  # and what they begin with stands once

    def size(self, cells: Sequence[Cell]) -> int:
        """Tokens that a batch of the cells takes up, padding included."""
        if self.packed:
            return sum(cell.fresh for cell in cells)
        return len(cells) * max(cell.length for cell in cells)

    def bytes(self, batch: Batch) -> int:
        """Peak activations of one layer, the hidden states and the output, float32."""
        tokens = self.size(batch.cells)
        layer = tokens * (8 * self.hidden + 2 * self.feed_forward + batch.longest * self.heads)
        output = min(batch.positions * self.vocabulary, OUTPUTS + self.vocabulary)
        copied = 2 * (KEYS + batch.longest) * self.hidden if self.shared else 0
        return 4 * (layer + copied + batch.positions * self.hidden + 2 * output)


@dataclass(frozen=True, eq=False)
class Block:
    """Items that are answered together, and the batches that answer them."""

    items: tuple[Item, ...]
    batches: tuple[Batch, ...]


@dataclass(frozen=True, eq=False)
class Work:
    """A plan: blocks in a fixed order."""

    blocks: tuple[Block, ...]
    shape: Shape
    once: bool = False  # a text passes once by itself (an encoder), and its fillings apart

    @cached_property
    def forwards(self) -> int:
        return sum(len(batch.cells) for block in self.blocks for batch in block.batches)

    @cached_property
    def tokens(self) -> int:
        sources = (len(item.ids) for b in self.blocks for item in b.items if self.once)
        return sum(sources) + sum(b.tokens for block in self.blocks for b in block.batches)

    @cached_property
    def peak_bytes(self) -> int:
        sizes = (self.shape.bytes(batch) for block in self.blocks for batch in block.batches)
        return max(sizes, default=0)


def lay_out(items: Sequence[Item], shape: Shape, once: bool = False) -> Work:
    """Blocks of items of like length, or with like beginnings; ties keep the order asked in."""
    order = _alike(items) if shape.shared and not once else sorted(items, key=_by_length)
    blocks = (Block(some, tuple(_batches(some, shape, once))) for some in _blocks(order, shape))
    return Work(tuple(blocks), shape, once)


def _by_length(item: Item) -> tuple[int, int]:
    return len(item.ids) + item.probes.longest, item.rows[0]


def _alike(items: Sequence[Item]) -> list[Item]:
    """Items that share half of the shorter one or more are neighbours; groups go by length."""
    groups: list[list[Item]] = []
    for item in sorted(items, key=lambda item: (item.ids, item.rows[0])):
        last = groups[-1][-1].ids if groups else ()
        if groups and 2 * agreeing(last, item.ids) >= min(len(last), len(item.ids)):
            groups[-1].append(item)
        else:
            groups.append([item])
    groups.sort(key=lambda group: (max(map(_by_length, group))[0], group[0].rows[0]))
    return [item for group in groups for item in group]


def _blocks(items: Sequence[Item], shape: Shape) -> Iterator[tuple[Item, ...]]:
    block: list[Item] = []
    tokens = 0
    for item in items:
        tokens = _tokens_with(item, block, tokens, shape)
        table = (len(block) + 1) * len(item.probes.divisors)
        if block and (tokens > shape.budget or table > SCORES):
            yield tuple(block)
            block, tokens = [], _tokens_with(item, [], 0, shape)
        block.append(item)
    if block:
        yield tuple(block)


def _tokens_with(item: Item, block: Sequence[Item], tokens: int, shape: Shape) -> int:
    """Tokens of the block (it has `tokens`) once the item is in it, with its longest filling."""
    length = len(item.ids) + item.probes.longest
    if not shape.packed:
        return (len(block) + 1) * length
    if not shape.shared:
        return tokens + length
    last = block[-1].ids if block else ()
    fills = sum(len(probe.fill) for probe in item.probes.probes)
    return tokens + len(item.ids) - agreeing(last, item.ids) + fills


def _batches(block: Sequence[Item], shape: Shape, once: bool) -> Iterator[Batch]:
    """The block's sequences in batches: those that share beginnings together, else by length."""
    batch: list[Cell] = []
    size = 0
    for cell in _shared(block, once) if shape.shared else _sorted(block, once):
        size = size + cell.fresh if shape.packed else (len(batch) + 1) * cell.length
        if batch and size > shape.budget:
            yield Batch(tuple(batch))
            batch, size = [], cell.length
        if not batch:  # nothing before it to share with
            cell = Cell(cell.item, cell.probe, cell.length, cell.length)
            size = cell.length
        batch.append(cell)
    if batch:
        yield Batch(tuple(batch))


def _sorted(block: Sequence[Item], once: bool) -> list[Cell]:
    """Cells by length; of a length, those of one probe together, so that they are read at once."""
    serials: dict[Probe, int] = {}
    keyed = []
    for number, item in enumerate(block):
        own = 1 if once else len(item.ids) - len(item.slots)
        for probe in item.probes.probes:
            length = own + len(probe.fill)
            key = (length, serials.setdefault(probe, len(serials)), number)
            keyed.append((key, Cell(number, probe, length, length)))
    return [cell for _, cell in sorted(keyed, key=lambda pair: pair[0])]


def _shared(block: Sequence[Item], once: bool) -> Iterator[Cell]:
    """Cells item by item, an item's fillings in sorted order, each with what is new in it."""
    before: Sequence[int] = ()
    for number, item in enumerate(block):
        own: Sequence[int] = (-1 - number,) if once else item.ids
        for probe in sorted(item.probes.probes, key=lambda probe: probe.fill):
            line = (*own, *probe.fill)
            yield Cell(number, probe, len(line), len(line) - agreeing(before, line))
            before = line
