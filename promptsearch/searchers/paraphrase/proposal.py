"""Proposals of paraphrase methods: new templates near a parent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from promptsearch.prompt import Template, Text
from promptsearch.prompt.template import notation_of


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
    evidence: Mapping[str, object]  # "method", and its edit


class ParaphraseMethod(Protocol):
    """A method of paraphrasing."""

    def neighbours(self, parents: Sequence[Parent]) -> Iterator[list[Proposal]]:
        """Yield the proposals of each parent, those that promise most first."""
        ...


def is_whole(proposal: Proposal) -> bool:
    """Return whether the template has all fields and slots of its parent, each as often."""
    child, parent = (
        sorted(notation_of(part) for part in template.parts if not isinstance(part, Text))
        for template in (proposal.template, proposal.parent.template)
    )
    return child == parent


def without_repeats(proposals: Iterator[Proposal], seen: set[Template]) -> Iterator[Proposal]:
    """Yield the proposals whose template is not in `seen`, and add it there."""
    for proposal in proposals:
        if proposal.template not in seen:
            seen.add(proposal.template)
            yield proposal
