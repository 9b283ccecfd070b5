"""Encoded texts that a head reads: one pass a text, one reading of each label at one state."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from promptsearch.models.batching.batch_plan import EncodedText
from promptsearch.models.batching.completions import Completion, Completions, completion_of
from promptsearch.prompt.head import Reads


def head_items(
    items: Sequence[EncodedText], reads: Reads, labels: int, masked: bool
) -> list[EncodedText]:
    """Return texts, planned with one answer, for a head that reads this state of each.

    `mask` is the state at which the first token of the answer would be read, `cls` that of a
    masked model's first token.
    """
    readings: dict[object, Completions] = {}

    def of(fill: tuple[int, ...], counts: tuple[int, ...], position: int) -> Completions:
        key = fill, counts, position
        if key not in readings:
            readings[key] = _reading(*key, labels, items[0].completions.divisors.device)
        return readings[key]

    if not masked:
        firsts = [_first(item.completions.completions[0]) for item in items]
        return [
            replace(item, completions=of(fill, (), position))
            for item, (fill, position) in zip(items, firsts, strict=True)
        ]
    read = [(0,) if reads == "cls" else tuple(item.slots) for item in items]
    return [
        replace(
            item,
            slots=slots,
            completions=of(tuple(item.ids[slot] for slot in slots), (1,) * len(slots), 0),
        )
        for item, slots in zip(items, read, strict=True)
    ]


def tag_items(
    items: Sequence[EncodedText],
    positions: Sequence[Sequence[int]],
    labels: int,
    words: int,
    masked: bool,
) -> list[EncodedText]:
    """Return texts for a head that reads the states of their words, at these positions of each.

    Answer `word * labels + label` is a label of a word, of as many words as any text has.
    """
    device = items[0].completions.divisors.device
    return [
        _tagged(item, read, labels, words, masked, device)
        for item, read in zip(items, positions, strict=True)
    ]


def _tagged(
    item: EncodedText,
    positions: Sequence[int],
    labels: int,
    words: int,
    masked: bool,
    device: torch.device,
) -> EncodedText:
    """Return one text: a masked model's fills are the tokens themselves, a causal one's none."""
    positions = positions or [0]  # all words were cut off
    distinct = sorted(set(positions))
    index = {position: number for number, position in enumerate(distinct)}
    before = len(item.ids) - 1
    table = [
        (index[p] if masked else p - before, label, word * labels + label)
        for word, p in enumerate(positions)
        for label in range(labels)
    ]
    fill = [item.ids[position] for position in distinct] if masked else []
    completion = completion_of(fill, (1,) * len(fill), table, device)
    slots = tuple(distinct) if masked else ()
    return replace(
        item, slots=slots, completions=Completions((completion,), torch.ones(words * labels))
    )


def _first(completion: Completion) -> tuple[tuple[int, ...], int]:
    """Return what passes before the first token of an answer, and its position."""
    position = completion.positions[0]
    return completion.fill[:position], position


def _reading(
    fill: Sequence[int], counts: Sequence[int], position: int, labels: int, device: torch.device
) -> Completions:
    """Return the reading of every label at one position."""
    table = [(position, label, label) for label in range(labels)]
    return Completions((completion_of(fill, counts, table, device),), torch.ones(labels))
