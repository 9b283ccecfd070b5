"""Running of plans: pass batches through a backend and add up the log-probabilities."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeVar

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
from promptsearch.models.foreign_errors import first_words, foreign_errors, is_memory_full
from promptsearch.models.forward.backends import ForwardBackend, HiddenStates

Part = TypeVar("Part")
Result = TypeVar("Result")


def halving(
    part: Part, run: Callable[[Part], Result], halves: Callable[[Part], tuple[Part, Part]]
) -> Iterator[tuple[Part, Result]]:
    """Yield the part with its result, or its halves with theirs if it does not fit into memory.

    `halves` raises ModelError for a part that cannot be halved.
    """
    try:
        result = run(part)
    except (RuntimeError, MemoryError) as error:  # OutOfMemoryError is a RuntimeError
        if not is_memory_full(error):
            raise  # otherwise leave the block first: the error holds on to the tensors
    else:
        yield part, result
        return
    torch.cuda.empty_cache()
    for half in halves(part):
        yield from halving(half, run, halves)


def block_halves(block: PlanBlock) -> tuple[PlanBlock, PlanBlock]:
    """Return the two halves of a block. Raise ModelError if it has one text only."""
    if len(block.items) == 1:
        raise _too_long(len(block.items[0].ids))
    return block.halves


def batch_halves(
    sequences: Sequence[PlannedSequence],
) -> tuple[Sequence[PlannedSequence], Sequence[PlannedSequence]]:
    """Return the two halves of a batch. Raise ModelError if it has one sequence only."""
    if len(sequences) == 1:
        raise _too_long(sequences[0].length)
    middle = len(sequences) // 2
    return sequences[:middle], sequences[middle:]


def _too_long(length: int) -> ModelError:
    return ModelError(
        f"a text of {length:,} tokens does not fit into the device's memory; shorten it, or "
        "write model_max_length into the model's tokenizer_config.json, so that texts are cut"
    )


def _forward_error(error: BaseException, length: int) -> Exception:
    """Return the error of a forward pass that fails; where memory is full, the error itself."""
    if is_memory_full(error):
        return error if isinstance(error, Exception) else MemoryError(str(error))
    return ModelError(
        f"the model cannot read {length:,} tokens at once: {first_words(error)}; if they are too "
        "many, write model_max_length into its tokenizer_config.json, so that texts are cut"
    )


# Returns the ids of a sequence, and the positions to read.
Assemble = Callable[[EncodedText, Completion], tuple[list[int], list[int]]]
# Returns the backend of a block.
Prepare = Callable[[PlanBlock], ForwardBackend]
# Adds what is read of hidden states to a tensor (item, ...).
Read = Callable[[Sequence[PlannedSequence], HiddenStates, ForwardBackend, Tensor], None]


class ForwardRecipe(NamedTuple):
    """A family's way to run a plan: how sequences are assembled, and each block's backend."""

    assemble: Assemble
    prepare: Prepare


def run(plan: BatchPlan, recipe: ForwardRecipe, device: torch.device) -> Iterator[Scored]:
    """Yield the scores (row, answer) of every text exactly once, by blocks."""
    if plan.adds_up:
        yield _added_up(run(replace(plan, adds_up=False), recipe, device))
        return
    width = len(plan.blocks[0].items[0].completions.divisors) if plan.blocks else 0
    for items, scores in read_blocks(plan, recipe, read, torch.zeros(width, device=device)):
        yield scored_texts(items, scores)


def _added_up(parts: Iterator[Scored]) -> Scored:
    """Return each row once, as the sum of all that is read of it."""
    totals: dict[int, Tensor] = {}
    for part in parts:
        for row, scores in zip(part.rows, part.log_probs, strict=True):
            totals[row] = totals[row] + scores if row in totals else scores
    rows = sorted(totals)
    return Scored(rows, torch.stack([totals[row] for row in rows]))


def read_blocks(
    plan: BatchPlan, recipe: ForwardRecipe, read: Read, empty: Tensor
) -> Iterator[tuple[Sequence[EncodedText], Tensor]]:
    """Yield each block's items with all that `read` adds up, (item, ...) on the CPU.

    `empty` is the total of one item before anything is read.
    """

    @torch.inference_mode()
    def prepare(block: PlanBlock) -> ForwardBackend:
        longest = max(len(item.ids) for item in block.items)
        with foreign_errors(lambda error: _forward_error(error, longest)):
            return recipe.prepare(block)

    for block in plan.blocks:
        for part, backend in halving(block, prepare, block_halves):
            totals = torch.stack([empty] * len(part.items))
            for batch in part.batches:
                _pass(batch.sequences, part, recipe.assemble, backend, read, totals)
            yield part.items, totals.cpu()


def scored_texts(items: Sequence[EncodedText], scores: Tensor) -> Scored:
    """Return divided scores by row, from (item, answer) on the CPU, with few copies."""
    one_divisor = len({id(item.completions) for item in items}) == 1
    divisors = [item.completions.divisors for item in items]
    divided = scores / (divisors[0] if one_divisor else torch.stack(divisors))
    rows = [row for item in items for row in item.rows]
    if len(rows) == len(items):
        return Scored(rows, divided)
    source = [number for number, item in enumerate(items) for _ in item.rows]
    return Scored(rows, divided[source])


def _pass(
    sequences: Sequence[PlannedSequence],
    block: PlanBlock,
    assemble: Assemble,
    backend: ForwardBackend,
    read: Read,
    totals: Tensor,
) -> None:
    """Add what is read of the batch to `totals` (item, ...); in halves if memory runs out."""

    @torch.inference_mode()
    def add(sequences: Sequence[PlannedSequence]) -> None:
        added = torch.zeros_like(totals)
        read(sequences, _hidden_states(sequences, block, assemble, backend), backend, added)
        totals.add_(added)  # all of the batch or nothing

    for _ in halving(sequences, add, batch_halves):
        pass


def _hidden_states(
    planned: Sequence[PlannedSequence],
    block: PlanBlock,
    assemble: Assemble,
    backend: ForwardBackend,
) -> HiddenStates:
    """Return the states at the tokens that are read of the block's sequences."""
    sequences, positions = zip(
        *(assemble(block.items[sequence.item], sequence.completion) for sequence in planned),
        strict=True,
    )
    roots = [sequence.item for sequence in planned]
    with foreign_errors(lambda error: _forward_error(error, max(map(len, sequences)))):
        return backend.hidden_states(sequences, positions, roots)


def scores_of(
    batch: Batch, block: PlanBlock, assemble: Assemble, backend: ForwardBackend
) -> Tensor:
    """Return (item, answer): the scores of one batch, with gradients if they are recorded."""
    states = _hidden_states(batch.sequences, block, assemble, backend)
    shape = len(block.items), len(block.items[0].completions.divisors)
    scores = torch.zeros(shape, device=states.states.device)
    read(batch.sequences, states, backend, scores)
    return scores


def read(
    sequences: Sequence[PlannedSequence],
    hidden: HiddenStates,
    backend: ForwardBackend,
    scores: Tensor,
) -> None:
    """Add the sequences' log-probabilities to `scores` (item, answer).

    Outputs over the vocabulary are made for a few positions at a time, so that they fit into
    memory.
    """
    counts = [len(sequence.completion.positions) for sequence in sequences]
    ends = np.cumsum([0, *counts])
    for chunk in _parts(counts, OUTPUTS // backend.vocabulary):
        positions = hidden.positions[ends[chunk.start] : ends[chunk.stop]]
        needed, index = np.unique(positions, return_inverse=True)
        logits = backend.logits(hidden.states[torch.from_numpy(needed)])
        norms = logits[:, : backend.vocabulary].logsumexp(-1)  # (position,)
        _gather(sequences[chunk], torch.from_numpy(index).to(logits.device), logits, norms, scores)


def _parts(counts: Sequence[int], most: int) -> Iterator[slice]:
    """Yield neighbours whose counts add up to `most` or less."""
    start = total = 0
    for i, count in enumerate(counts):
        if i > start and total + count > most:
            yield slice(start, i)
            start, total = i, 0
        total += count
    yield slice(start, len(counts))


def _gather(
    sequences: Sequence[PlannedSequence],
    index: Tensor,
    logits: Tensor,
    norms: Tensor,
    scores: Tensor,
) -> None:
    """Add what is read of the answers' tokens; completions of several sequences are read at once.

    `index` (read,) leads from the sequences' reads, in order, to logits (position, word).
    """
    first = 0
    sharing: dict[Completion, tuple[list[int], list[int]]] = {}
    for sequence in sequences:
        items, firsts = sharing.setdefault(sequence.completion, ([], []))
        items.append(sequence.item)
        firsts.append(first)
        first += len(sequence.completion.positions)
    for completion, (items, firsts) in sharing.items():
        indices = torch.tensor(firsts, device=logits.device)[:, None] + completion.position_index
        positions = index[indices]  # (sequence, reading)
        values = logits[positions, completion.tokens]
        if completion.normalised:
            values = values - norms[positions]
        added = values.new_zeros(len(items), scores.shape[1])
        scores[items] += added.index_add_(1, completion.answer_index, values)


def batch_plan_of(plan: Plan) -> BatchPlan:
    """Return the plan. Raise ModelError if another kind of model made it."""
    if not isinstance(plan, BatchPlan):
        raise ModelError(
            f"this plan is a {type(plan).__name__}; run plans with the model that made them"
        )
    return plan
