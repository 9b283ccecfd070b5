"""A dev split for a task that has none: a stratified part of train, the same on every machine."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from promptsearch.data import Example

SMALL = 200  # examples; below, half goes to dev, else a fifth


def with_dev(
    examples: Sequence[Example], fields: Sequence[str]
) -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Return (train, dev), each in the order of `examples`; every label keeps its share.

    Which examples go is decided by a hash of their targets and of the inputs that the manual
    template reads, its `fields`: inserting a row moves few, the order of rows and columns that
    nobody reads move none. Facts are stratified by the first of their objects as sorted, sentences
    of tagged words by the first of their tags but O, sets of labels by the first as sorted; a
    subject is never on both sides.
    """
    share = 2 if len(examples) < SMALL else 5
    strata: dict[str, list[int]] = {}
    for index, example in enumerate(examples):
        strata.setdefault(min(example.targets, default=""), []).append(index)
    quotas = _quotas({label: len(rows) for label, rows in strata.items()}, share)
    chosen = {
        index
        for label, rows in strata.items()
        for index in sorted(rows, key=lambda row: _key(examples[row], fields))[: quotas[label]]
    }
    train = [example for index, example in enumerate(examples) if index not in chosen]
    return _numbered(train), _numbered([examples[index] for index in sorted(chosen)])


def _quotas(sizes: Mapping[str, int], share: int) -> dict[str, int]:
    """Return the dev size of each stratum: its floor, then by largest remainders up to the sum."""
    quotas = {label: size // share for label, size in sizes.items()}
    remaining = sum(sizes.values()) // share - sum(quotas.values())
    by_remainder = sorted(sizes, key=lambda label: (-(sizes[label] % share), _digest(label)))
    for label in by_remainder[:remaining]:
        quotas[label] += 1
    return quotas


def _numbered(examples: Sequence[Example]) -> tuple[Example, ...]:
    """Ids count inside a split."""
    return tuple(replace(example, id=str(index)) for index, example in enumerate(examples))


def _key(example: Example, fields: Sequence[str]) -> tuple[str, str]:
    """Return what sorts an example: by what is read of it, of equals by all that it holds."""
    targets, inputs = sorted(example.targets), sorted(example.inputs.items())
    read = [(name, text) for name, text in inputs if name in fields]
    beside = [each for each in (example.words, example.tags, example.choices) if each]
    return _digest(json.dumps([read, targets])), _digest(json.dumps([inputs, targets, *beside]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
