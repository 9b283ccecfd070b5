"""Work as it is laid out: texts, their fillings, batches of them, and what these take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from promptsearch.models.batching.completions import Completion, Completions
from promptsearch.models.batching.tree_runs import KEYS

OUTPUTS = 1 << 24  # cells of a (position, word) output held at a time: 64 MB in float32


@dataclass(frozen=True, eq=False)
class EncodedText:
    """One distinct text: its ids, where its slots are, and which of the texts asked for it is."""

    ids: Sequence[int]
    slots: Sequence[int]
    completions: Completions
    rows: Sequence[int]


@dataclass(frozen=True)
class PlannedSequence:
    """One sequence to pass: a text with one filling."""

    item: int  # index inside its block
    completion: Completion
    length: int
    new_tokens: int  # tokens that its neighbour before it does not share


@dataclass(frozen=True)
class Batch:
    """Sequences that pass together."""

    sequences: tuple[PlannedSequence, ...]

    @property
    def tokens(self) -> int:
        """Tokens that pass, padding left out."""
        return sum(sequence.new_tokens for sequence in self.sequences)

    @property
    def longest(self) -> int:
        return max(sequence.length for sequence in self.sequences)

    @property
    def positions(self) -> int:
        """Positions that are read."""
        return sum(len(sequence.completion.positions) for sequence in self.sequences)


@dataclass(frozen=True)
class BatchLimits:
    """What decides how much fits: sizes of the model, the budget, and how sequences are passed."""

    budget: int  # tokens of a batch, padding included
    vocabulary: int
    hidden: int
    feed_forward: int
    heads: int
    layers: int
    packed: bool = False  # sequences stand in one row, without padding
    shares_prefixes: bool = False  # and what they begin with stands once

    def size(self, sequences: Sequence[PlannedSequence]) -> int:
        """Tokens that a batch of the cells takes up, padding included."""
        if self.packed:
            return sum(sequence.new_tokens for sequence in sequences)
        return len(sequences) * max(sequence.length for sequence in sequences)

    def bytes(self, batch: Batch) -> int:
        """Peak activations of one layer, the hidden states and the output, float32."""
        tokens = self.size(batch.sequences)
        layer = tokens * (8 * self.hidden + 2 * self.feed_forward + batch.longest * self.heads)
        output = min(batch.positions * self.vocabulary, OUTPUTS + self.vocabulary)
        copied = 2 * (KEYS + batch.longest) * self.hidden if self.shares_prefixes else 0
        return 4 * (layer + copied + batch.positions * self.hidden + 2 * output)


@dataclass(frozen=True, eq=False)
class PlanBlock:
    """Items that are answered together, and the batches that answer them."""

    items: tuple[EncodedText, ...]
    batches: tuple[Batch, ...]

    @property
    def halves(self) -> "tuple[PlanBlock, PlanBlock]":
        """The first half of the items and the other one, each with its own cells."""
        middle = len(self.items) // 2
        return self._part(0, middle), self._part(middle, len(self.items))

    def _part(self, start: int, stop: int) -> "PlanBlock":
        batches = []
        for batch in self.batches:
            sequences = [sequence for sequence in batch.sequences if start <= sequence.item < stop]
            if sequences:
                moved = (replace(sequence, item=sequence.item - start) for sequence in sequences)
                batches.append(Batch(tuple(moved)))
        return PlanBlock(self.items[start:stop], tuple(batches))


@dataclass(frozen=True, eq=False)
class BatchPlan:
    """A plan: blocks in a fixed order."""

    blocks: tuple[PlanBlock, ...]
    limits: BatchLimits
    encoder_decoder: bool = (
        False  # a text passes once by itself (an encoder), and its fillings apart
    )

    @cached_property
    def forwards(self) -> int:
        return sum(len(batch.sequences) for block in self.blocks for batch in block.batches)

    @cached_property
    def tokens(self) -> int:
        sources = (len(item.ids) for b in self.blocks for item in b.items if self.encoder_decoder)
        return sum(sources) + sum(b.tokens for block in self.blocks for b in block.batches)

    @cached_property
    def peak_bytes(self) -> int:
        return max(map(self._block_bytes, self.blocks), default=0)

    def _block_bytes(self, block: PlanBlock) -> int:
        """The largest batch, the table of scores twice, and what an encoder holds or takes."""
        table = 8 * len(block.items) * len(block.items[0].completions.divisors)
        batch = max(map(self.limits.bytes, block.batches))
        if not self.encoder_decoder:
            return table + batch
        longest = max(len(item.ids) for item in block.items)
        read = (
            len(block.items) if self.limits.packed else max(len(b.sequences) for b in block.batches)
        )
        states = 3 * 4 * read * longest * self.limits.hidden  # themselves, keys and values
        encoder = (
            4 * len(block.items) * longest * (8 * self.limits.hidden + 2 * self.limits.feed_forward)
        )
        return table + states + max(batch, encoder)
