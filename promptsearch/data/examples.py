"""Examples: what a prompt is asked about, and what the right answer is."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256


@dataclass(frozen=True)
class Example:
    """An instance: named input texts and its gold label, or all right objects of a fact.

    Of several labels at once the targets are those that it has, in the task's order, or (). Of a
    task of tags it is a sentence: `words` and their `tags`, one each. Its targets are its
    distinct tags but O, sorted, or O alone; its only input is `text`, the words with spaces.
    """

    id: str  # unique inside its split, stable from run to run: "3" is the third row (or subject)
    inputs: Mapping[str, str]
    target: str | tuple[str, ...]
    # () where the task has no tags; keys of ledgers have the `repr` of the other examples.
    words: tuple[str, ...] = field(default=(), repr=False)
    tags: tuple[str, ...] = field(default=(), repr=False)

    @property
    def targets(self) -> tuple[str, ...]:
        return (self.target,) if isinstance(self.target, str) else self.target

    @property
    def stratum(self) -> str:
        """The first of its targets, "" where it has none: what keeps its share in parts."""
        return self.targets[0] if self.targets else ""


Dataset = Sequence[Example]


def most_frequent(examples: Dataset) -> str:
    """Return the label (or object) that most examples have; of equals the first."""
    counts = Counter(label for example in examples for label in example.targets)
    return counts.most_common(1)[0][0]


def fingerprint(examples: Dataset) -> str:
    """Return the SHA-256 of the examples as they were read: ids, inputs and right answers.

    Words and tags count where there are any: other kinds of task keep the hash they had.
    """
    digest = sha256()
    for example in examples:
        content: list[object] = [example.id, dict(example.inputs), example.targets]
        if example.words:
            content += [example.words, example.tags]
        digest.update(json.dumps(content, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()
