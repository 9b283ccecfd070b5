"""Plans of forward passes: distinct texts, their completions, batches, and the memory they take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from promptsearch.models.batching.completions import Completion, Completions
from promptsearch.models.batching.tree_runs import KEYS

OUTPUTS = 1 << 24  # cells of a (position, word) output held at a time: 64 MB in float32


@dataclass(frozen=True, eq=False)
class EncodedText:
    """One distinct text: its ids, the positions of its slots, and its rows in the request."""

    ids: Sequence[int]
    slots: Sequence[int]
    completions: Completions
    rows: Sequence[int]


@dataclass(frozen=True)
class PlannedSequence:
    """One sequence of a batch: a text with one completion."""

    item: int  # index inside its block
    completion: Completion
    length: int
    new_tokens: int  # tokens that its neighbour before it does not share


@dataclass(frozen=True)
class Batch:
    """Sequences that pass through the model together."""

    sequences: tuple[PlannedSequence, ...]

    @property
    def tokens(self) -> int:
        """Tokens that pass through the model, padding left out."""
        return sum(sequence.new_tokens for sequence in self.sequences)

    @property
    def longest(self) -> int:
        return max(sequence.length for sequence in self.sequences)

    @property
    def positions(self) -> int:
        """Count of positions whose output is read."""
        return sum(len(sequence.completion.positions) for sequence in self.sequences)


@dataclass(frozen=True)
class BatchLimits:
    """The sizes of a model, a token budget, and the layout of sequences: what bounds a batch."""

    budget: int  # tokens of a batch, padding included
    vocabulary: int
    hidden: int
    feed_forward: int
    heads: int
    layers: int
    packed: bool = False  # sequences stand in one row, without padding
    shares_prefixes: bool = False  # and what they begin with stands once

    def size(self, sequences: Sequence[PlannedSequence]) -> int:
        """Return the tokens that a batch of these sequences takes up, padding included."""
        if self.packed:
            return sum(sequence.new_tokens for sequence in sequences)
        return len(sequences) * max(sequence.length for sequence in sequences)

    def bytes(self, batch: Batch) -> int:
        """Return the peak size of one layer's activations, hidden states and output, in float32."""
        tokens = self.size(batch.sequences)
        layer = tokens * (8 * self.hidden + 2 * self.feed_forward + batch.longest * self.heads)
        output = min(batch.positions * self.vocabulary, OUTPUTS + self.vocabulary)
        copied = 2 * (KEYS + batch.longest) * self.hidden if self.shares_prefixes else 0
        return 4 * (layer + copied + batch.positions * self.hidden + 2 * output)


@dataclass(frozen=True, eq=False)
class PlanBlock:
    """Texts that are scored together, and the batches that score them."""

    items: tuple[EncodedText, ...]
    batches: tuple[Batch, ...]

    @property
    def halves(self) -> "tuple[PlanBlock, PlanBlock]":
        """The first and the second half of the texts, each with its sequences."""
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
        """Return the bytes of the largest batch, of the scores twice, and of the encoder."""
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
