"""Examples: what a prompt is asked about, and what the right answer is."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True)
class Example:
    """An instance: named input texts and its gold label, or all right objects of a fact.

    Of several labels at once the targets are those that it has, in the task's order, or (). Of a
    task of tags it is a sentence: `words` and their `tags`, one each. Its targets are its
    distinct tags but O, sorted, or O alone; its only input is `text`, the words with spaces. Of a
    task of spans it is a sentence too, but its targets are the types of spans; `spans` are those
    that are asked about, where the file names them.
    An example with `choices` is answered by one of these; they are distinct.
    """

    id: str  # unique inside its split, stable from run to run: "3" is the third row (or subject)
    inputs: Mapping[str, str]
    target: str | tuple[str, ...]
    # () where the task has no tags.
    words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()  # () where the labels of the task are those of every row
    spans: tuple[tuple[int, int], ...] | None = None  # (start, stop); None: all up to a length

    def __repr__(self) -> str:
        """Return the constructor's call; keys of ledgers have the `repr` of those without choices.

        Words, tags and spans are left out.
        """
        choices = f", choices={self.choices!r}" if self.choices else ""
        about = f"id={self.id!r}, inputs={self.inputs!r}, target={self.target!r}"
        return f"Example({about}{choices})"

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def stratum(self) -> str:
        """The first of its targets, "" where it has none: what keeps its share in parts."""
        return self.targets[0] if self.targets else ""

    @property
    def is_answerable(self) -> bool:
        """False where no right answer is among the choices: such a row counts as wrong."""
        return not self.choices or not set(self.choices).isdisjoint(self.targets)


Dataset = Sequence[Example]


def most_frequent(examples: Dataset) -> str:
    """Return the label (or object) that most examples have; of equals the first."""
    counts = Counter(label for example in examples for label in example.targets)
    return counts.most_common(1)[0][0]


def has_choices(examples: Dataset) -> bool:
    """Return whether examples have choices of their own."""
    return any(example.choices for example in examples)


def choices_in(*splits: Dataset) -> tuple[str, ...]:
    """Return the distinct choices of the examples, in order of first appearance."""
    choices = (choice for split in splits for example in split for choice in example.choices)
    return tuple(dict.fromkeys(choices))


def fingerprint(examples: Dataset) -> str:
    """Return the SHA-256 of the examples as they were read: ids, inputs and right answers.

    Words and tags, and choices, count where there are any: other tasks keep the hash they had.
    """
    digest = sha256()
    for example in examples:
        content: list[object] = [example.id, dict(example.inputs), example.targets]
        if example.words:
            content += [example.words, example.tags]
        if example.choices:
            content.append({"choices": example.choices})
        if example.spans is not None:
            content.append({"spans": example.spans})
        digest.update(json.dumps(content, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()
