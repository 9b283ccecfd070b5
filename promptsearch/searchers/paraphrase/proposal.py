"""What a way of paraphrasing proposes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from promptsearch.prompt import Template


@dataclass(frozen=True)
class Parent:
    """A template whose neighbourhood is searched."""

    id: str  # of its trial
    template: Template


@dataclass(frozen=True)
class Proposal:
    """A neighbour of a parent."""

    template: Template
    parent: Parent
    evidence: Mapping[str, object]  # "method", and what was done


class ParaphraseMethod(Protocol):
    """A way of paraphrasing."""

    def neighbours(self, parents: Sequence[Parent]) -> Iterator[list[Proposal]]:
        """Of each parent, those that promise most first."""
        ...
