"""Phrases deleted, swapped and added back: GrIPS.

Prasad, Hase, Zhou and Bansal (2023), "GrIPS: Gradient-free, Edit-based Instruction Search for
Prompting Large Language Models". https://arxiv.org/abs/2203.07281

The paper edits the phrases that a constituency parser finds in an instruction; templates are
short, so every run of up to three words is a phrase here. Its paraphrases of phrases are left to
the other methods.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice

import numpy as np

from promptsearch.prompt import Template
from promptsearch.searchers.common.interleave import interleave
from promptsearch.searchers.paraphrase.proposal import Parent, Proposal
from promptsearch.searchers.paraphrase.template_words import Edit, TemplateWords, distinct

LONGEST = 3  # words of a phrase


@dataclass
class PhraseEdits:
    """Random edits of each parent, equal for equal seeds."""

    count: int  # of each parent
    seed: int
    spaced: bool
    _deleted: dict[Template, tuple[str, ...]] = field(default_factory=dict)

    def neighbours(self, parents: Sequence[Parent]) -> Iterator[list[Proposal]]:
        for parent in parents:
            rng = np.random.default_rng([self.seed, *str(parent.template).encode()])
            kinds = self._kinds(TemplateWords.of(parent.template, self.spaced), parent)
            mixed = ([edits[index] for index in rng.permutation(len(edits))] for edits in kinds)
            drawn = islice(interleave(mixed), self.count)
            proposals = [Proposal(t, parent, evidence) for t, evidence in distinct(drawn)]
            self._remember(proposals)
            yield proposals

    def _kinds(self, words: TemplateWords, parent: Parent) -> list[list[Edit]]:
        """Return deletions, swaps and additions, to take turns: the paper draws the kind first."""
        return [
            list(self._deletions(words)),
            list(self._swaps(words)),
            list(self._additions(words, parent)),
        ]

    def _deletions(self, words: TemplateWords) -> Iterator[Edit]:
        for span in words.spans(LONGEST):
            yield words.replaced(*span, ""), _evidence("delete", words.text(*span))

    def _swaps(self, words: TemplateWords) -> Iterator[Edit]:
        for first, second in combinations(sorted(words.spans(LONGEST)), 2):
            if first[1] <= second[0] and words.text(*first) != words.text(*second):
                evidence = _evidence("swap", words.text(*first), words.text(*second))
                yield words.swapped(first, second), evidence

    def _additions(self, words: TemplateWords, parent: Parent) -> Iterator[Edit]:
        for phrase in self._deleted.get(parent.template, ()):
            for position in range(len(words.pieces) + 1):
                yield words.inserted(position, phrase), _evidence("add", phrase)

    def _remember(self, proposals: Sequence[Proposal]) -> None:
        """Keep the phrases deleted on the way to each template: they may be added back."""
        for proposal in proposals:
            deleted = self._deleted.get(proposal.parent.template, ())
            if proposal.evidence["edit"] == "delete":
                deleted = (*deleted, str(proposal.evidence["phrase"]))
            self._deleted.setdefault(proposal.template, deleted)


def _evidence(edit: str, phrase: str, replacement: str | None = None) -> dict[str, object]:
    evidence: dict[str, object] = {"method": "edits", "edit": edit, "phrase": phrase}
    return evidence if replacement is None else {**evidence, "with": replacement}
