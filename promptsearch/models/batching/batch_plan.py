"""Batch plans: texts and their completions, laid out in batches under a token budget."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from promptsearch.errors import ModelError
from promptsearch.models.batching.completions import Completion, Completions
from promptsearch.models.batching.prefix_tensors import HeadTensors, PrefixTensors
from promptsearch.models.batching.prefix_tree import KEYS, common_prefix_length
from promptsearch.models.batching.soft_table import SoftTable
from promptsearch.prompt import Head, Prefix

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
    prefix: int = 0  # positions of keys and values that stand before each sequence

    def size(self, sequences: Sequence[PlannedSequence]) -> int:
        """Return the tokens that a batch of these sequences takes up, padding included."""
        if self.packed:
            return sum(sequence.new_tokens for sequence in sequences)
        return len(sequences) * max(sequence.length for sequence in sequences)

    def bytes(self, batch: Batch) -> int:
        """Return the peak size of one layer's activations, hidden states and output, in float32."""
        tokens = self.size(batch.sequences)
        seen = self.prefix + batch.longest
        layer = tokens * (8 * self.hidden + 2 * self.feed_forward + seen * self.heads)
        output = min(batch.positions * self.vocabulary, OUTPUTS + self.vocabulary)
        copied = 2 * (KEYS + batch.longest) * self.hidden if self.shares_prefixes else 0
        if self.prefix:  # keys and values are copied to stand behind it
            copied += 2 * (tokens + self.prefix * len(batch.sequences)) * self.hidden
        return 4 * (layer + copied + batch.positions * self.hidden + 2 * output)


@dataclass(frozen=True, eq=False)
class PlanBlock:
    """Texts that are scored together, and the batches that score them."""

    items: tuple[EncodedText, ...]
    batches: tuple[Batch, ...]
    prefix: Prefix | None = None  # that all of them stand behind
    head: Head | None = None  # that reads all of them
    options: bool = False  # whether they have options, which are blind to one another

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
        return replace(self, items=self.items[start:stop], batches=tuple(batches))


@dataclass(frozen=True, eq=False)
class BatchPlan:
    """A plan: blocks in a fixed order."""

    blocks: tuple[PlanBlock, ...]
    limits: BatchLimits
    encoder_decoder: bool = (
        False  # a text passes once by itself (an encoder), and its fillings apart
    )
    cut: bool = False  # see `Plan`
    adds_up: bool = False  # whether a row is the sum of several texts: options of several passes
    soft: SoftTable | None = None  # the soft tokens among its ids
    # What prefixes and heads are while they are trained; the others are read as they are.
    prefixes: Mapping[Prefix, PrefixTensors] = field(default_factory=dict)
    heads: Mapping[Head, HeadTensors] = field(default_factory=dict)

    def check_trainable(self) -> None:
        """Raise ModelError if a row is no single text, whose score has a gradient."""
        if self.adds_up:
            raise ModelError(
                "options that are read in several passes cannot be trained through; leave out "
                "`options_per_pass`"
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


SCORES = 1 << 24  # cells of a block's (row, answer) table


def plan_batches(
    items: Sequence[EncodedText], limits: BatchLimits, encoder_decoder: bool = False
) -> BatchPlan:
    """Return blocks of texts of similar length, or with common prefixes; ties keep their order."""
    grouped = limits.shares_prefixes and not encoder_decoder
    order = _by_common_prefix(items) if grouped else sorted(items, key=_by_length)
    blocks = (
        PlanBlock(items_of_block, tuple(_batches(items_of_block, limits, encoder_decoder)))
        for items_of_block in _blocks(order, limits)
    )
    return BatchPlan(tuple(blocks), limits, encoder_decoder)


def _by_length(item: EncodedText) -> tuple[int, int]:
    """Return the sort key of a text: its length with the longest completion, then its first row."""
    return len(item.ids) + item.completions.longest, item.rows[0]


def _by_common_prefix(items: Sequence[EncodedText]) -> list[EncodedText]:
    """Return the texts in groups that share half of the shorter text or more, by length."""
    groups: list[list[EncodedText]] = []
    for item in sorted(items, key=lambda item: (item.ids, item.rows[0])):
        last = groups[-1][-1].ids if groups else ()
        if groups and 2 * common_prefix_length(last, item.ids) >= min(len(last), len(item.ids)):
            groups[-1].append(item)
        else:
            groups.append([item])
    groups.sort(key=lambda group: (max(map(_by_length, group))[0], group[0].rows[0]))
    return [item for group in groups for item in group]


def _blocks(items: Sequence[EncodedText], limits: BatchLimits) -> Iterator[tuple[EncodedText, ...]]:
    block: list[EncodedText] = []
    tokens = 0
    for item in items:
        tokens = _tokens_with(item, block, tokens, limits)
        table = (len(block) + 1) * len(item.completions.divisors)
        if block and (tokens > limits.budget or table > SCORES):
            yield tuple(block)
            block, tokens = [], _tokens_with(item, [], 0, limits)
        block.append(item)
    if block:
        yield tuple(block)


def _tokens_with(
    item: EncodedText, block: Sequence[EncodedText], tokens: int, limits: BatchLimits
) -> int:
    """Return the tokens of a block of `tokens` after the item and its completions join it."""
    length = len(item.ids) + item.completions.longest
    if not limits.packed:
        return (len(block) + 1) * length
    if not limits.shares_prefixes:
        return tokens + length
    last = block[-1].ids if block else ()
    fills = sum(len(completion.fill) for completion in item.completions.completions)
    return tokens + len(item.ids) - common_prefix_length(last, item.ids) + fills


def _batches(
    block: Sequence[EncodedText], limits: BatchLimits, encoder_decoder: bool
) -> Iterator[Batch]:
    """Yield the block's sequences in batches: by common prefixes, or by length."""
    batch: list[PlannedSequence] = []
    size = 0
    order = _sharing_prefixes if limits.shares_prefixes else _by_length_and_completion
    for sequence in order(block, encoder_decoder):
        size = size + sequence.new_tokens if limits.packed else (len(batch) + 1) * sequence.length
        if batch and size > limits.budget:
            yield Batch(tuple(batch))
            batch, size = [], sequence.length
        if not batch:  # nothing before it to share with
            sequence = replace(sequence, new_tokens=sequence.length)
            size = sequence.length
        batch.append(sequence)
    if batch:
        yield Batch(tuple(batch))


def _by_length_and_completion(
    block: Sequence[EncodedText], encoder_decoder: bool
) -> list[PlannedSequence]:
    """Return the sequences by length, those of one completion together, to be read at once."""
    serials: dict[Completion, int] = {}
    keyed = []
    for number, item in enumerate(block):
        prefix_length = 1 if encoder_decoder else len(item.ids) - len(item.slots)
        for completion in item.completions.completions:
            length = prefix_length + len(completion.fill)
            key = (length, serials.setdefault(completion, len(serials)), number)
            keyed.append((key, PlannedSequence(number, completion, length, length)))
    return [sequence for _, sequence in sorted(keyed, key=lambda pair: pair[0])]


def _sharing_prefixes(
    block: Sequence[EncodedText], encoder_decoder: bool
) -> Iterator[PlannedSequence]:
    """Yield sequences text by text, each with its count of tokens that the one before lacks."""
    previous: Sequence[int] = ()
    for number, item in enumerate(block):
        prefix: Sequence[int] = (-1 - number,) if encoder_decoder else item.ids
        for completion in sorted(item.completions.completions, key=lambda each: each.fill):
            line = (*prefix, *completion.fill)
            yield PlannedSequence(
                number, completion, len(line), len(line) - common_prefix_length(previous, line)
            )
            previous = line
