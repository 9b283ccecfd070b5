"""Work laid out before it is run: sort by length, cut under a token budget. No model in here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from promptsearch.models.probes import Probe, Probes

SCORES = 1 << 24  # cells of a block's (row, answer) table
OUTPUTS = 1 << 26  # cells of a batch's (position, word) output: 256 MB in float32


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
    serial: int


@dataclass(frozen=True)
class Shape:
    """What decides how much fits: sizes of the model and the budget."""

    budget: int  # tokens of a batch, padding included
    vocabulary: int
    hidden: int
    feed_forward: int
    heads: int

    def fits(self, count: int, length: int, positions: int) -> bool:
        """Whether `count` sequences of `length` tokens, read at `positions`, are one batch."""
        return count * length <= self.budget and positions * self.vocabulary <= OUTPUTS

    def bytes(self, count: int, length: int, positions: int) -> int:
        """Peak activations of one layer and the output, float32."""
        tokens = count * length
        layer = tokens * (8 * self.hidden + 2 * self.feed_forward) + tokens * length * self.heads
        return 4 * (layer + 2 * positions * self.vocabulary)


@dataclass(frozen=True, eq=False)
class Work:
    """A plan: blocks of items that are answered together, in a fixed order."""

    blocks: tuple[tuple[Item, ...], ...]
    shape: Shape
    once: bool = False  # a text passes once (an encoder), not again with every filling

    @cached_property
    def forwards(self) -> int:
        return sum(len(item.probes.probes) for block in self.blocks for item in block)

    @cached_property
    def tokens(self) -> int:
        return sum(self._tokens(item) for block in self.blocks for item in block)

    def _tokens(self, item: Item) -> int:
        times = 1 if self.once else len(item.probes.probes)
        fills = sum(len(probe.fill) for probe in item.probes.probes)
        return times * (len(item.ids) - len(item.slots)) + fills

    @cached_property
    def peak_bytes(self) -> int:
        sizes = (_size(batch) for block in self.blocks for batch in batches(block, self.shape))
        return max((self.shape.bytes(*size) for size in sizes), default=0)


def lay_out(items: Sequence[Item], shape: Shape, once: bool = False) -> Work:
    """Blocks of items of like length; ties keep the order they were asked in."""
    order = sorted(items, key=lambda item: (len(item.ids) + item.probes.longest, item.rows[0]))
    return Work(tuple(_blocks(order, shape)), shape, once)


def _blocks(items: Sequence[Item], shape: Shape) -> Iterator[tuple[Item, ...]]:
    block: list[Item] = []
    for item in items:
        length = len(item.ids) + item.probes.longest
        answers = len(item.probes.divisors)
        count = len(block) + 1
        if block and (count * length > shape.budget or count * answers > SCORES):
            yield tuple(block)
            block = []
        block.append(item)
    if block:
        yield tuple(block)


def batches(block: Sequence[Item], shape: Shape) -> Iterator[list[Cell]]:
    """The block's sequences, sorted by length, in batches."""
    batch: list[Cell] = []
    positions = 0
    for cell in _cells(block):
        positions += len(cell.probe.places)
        if batch and not shape.fits(len(batch) + 1, cell.length, positions):
            yield batch
            batch, positions = [], len(cell.probe.places)
        batch.append(cell)
    if batch:
        yield batch


def _cells(block: Sequence[Item]) -> list[Cell]:
    serials: dict[Probe, int] = {}
    cells = [
        Cell(
            number,
            probe,
            len(item.ids) - len(item.slots) + len(probe.fill),
            serials.setdefault(probe, len(serials)),
        )
        for number, item in enumerate(block)
        for probe in item.probes.probes
    ]
    return sorted(cells, key=lambda cell: (cell.length, cell.serial, cell.item))


def _size(batch: Sequence[Cell]) -> tuple[int, int, int]:
    return len(batch), batch[-1].length, sum(len(cell.probe.places) for cell in batch)
