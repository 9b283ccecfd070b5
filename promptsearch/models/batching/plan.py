"""Planning of forward passes: order the texts, share prefixes, cut under a token budget."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from promptsearch.models.batching.batch_plan import (
    Batch,
    BatchLimits,
    BatchPlan,
    EncodedText,
    PlanBlock,
    PlannedSequence,
)
from promptsearch.models.batching.completions import Completion
from promptsearch.models.batching.prefix_tree import common_prefix_length

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
