"""The terms that tasks look for in text, and the index of all of them for one pass."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from promptsearch.corpora.fact_mentions import FactIndex, Pair
from promptsearch.corpora.mention_matcher import Matcher, all_surfaces, surfaces


@dataclass(frozen=True)
class SearchTerms:
    """The terms of one task: facts, or the answers of its labels."""

    facts: tuple[Pair, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()  # (answer, label)

    def __repr__(self) -> str:
        """Return the text that checkpoints' keys digest: its words are the first version's."""
        return f"Wanted(facts={self.facts!r}, answers={self.answers!r})"

    @property
    def names(self) -> set[str]:
        return {name for fact in self.facts for name in fact} | {a for a, _ in self.answers}


@dataclass(frozen=True)
class Terms:
    """The terms of several tasks, by the tasks' numbers. `key` is a digest of all of them."""

    requests: tuple[tuple[int, SearchTerms], ...] = field(compare=False)
    spaced: bool = field(compare=False)
    key: str


class TermIndex:
    """An index of terms: one automaton for all tasks, one index for each."""

    def __init__(self, terms: Terms) -> None:
        names = all_surfaces(name for _, task_terms in terms.requests for name in task_terms.names)
        index = {name: number for number, name in enumerate(names)}
        self.spaced = terms.spaced
        self.matcher = Matcher(names, terms.spaced)
        self.facts = {task: FactIndex(w.facts, index) for task, w in terms.requests if w.facts}
        self.labels = {task: _labels(w, index) for task, w in terms.requests if w.answers}


@lru_cache(maxsize=1)
def term_index(terms: Terms) -> TermIndex:
    """Return the index, built once in a process: its shards mostly share their terms."""
    return TermIndex(terms)


def _labels(terms: SearchTerms, index: Mapping[str, int]) -> dict[int, list[str]]:
    """Return the labels that each name is an answer of."""
    labels: dict[int, list[str]] = {}
    for answer, label in terms.answers:
        for surface in surfaces(answer):
            if label not in (labels_of_name := labels.setdefault(index[surface], [])):
                labels_of_name.append(label)
    return labels
