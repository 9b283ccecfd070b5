"""The frequent snippets of one task, and the number of rarer ones: small enough for memory."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from promptsearch.searchers.mine.count_table import Counted
from promptsearch.searchers.mine.dependency import PhraseCounts
from promptsearch.searchers.mine.snippets import Snippet, lowered


@dataclass
class FrequentSnippets:
    """Snippets that reach the threshold, with their counts by label ("" for facts)."""

    min_count: int
    counts: dict[Snippet, dict[str, int]] = field(default_factory=dict)
    examples: dict[Snippet, str] = field(default_factory=dict)  # by the lower-cased snippet
    rarer: Counter[int] = field(default_factory=Counter)  # count -> number of snippets with it
    phrases: PhraseCounts = field(default_factory=lambda: PhraseCounts(Counter(), {}))

    def add(self, row: Counted, min_labels: int) -> None:
        count = sum(row.counts.values())
        if count >= self.min_count:
            self.counts[row.snippet] = row.counts
            self.examples.setdefault(lowered(row.snippet), row.example)
        elif row.snippet.direction or len(row.counts) >= min_labels:
            self.rarer[count] += 1

    def example(self, snippet: Snippet) -> str:
        return self.examples[lowered(snippet)]

    @property
    def totals(self) -> dict[Snippet, int]:
        return {snippet: sum(counts.values()) for snippet, counts in self.counts.items()}


def frequent_by_task(
    rows: Iterable[Counted], tasks: Iterable[int], min_count: int, min_labels: int
) -> dict[int, FrequentSnippets]:
    """Return the frequent snippets of each task; rare ones are only counted, to save memory."""
    frequent = {task: FrequentSnippets(min_count) for task in tasks}
    for row in rows:
        if row.task in frequent:
            frequent[row.task].add(row, min_labels)
    return frequent


def no_snippets_reason(frequent: FrequentSnippets) -> str:
    """Return why there is no template: how often the snippets below the threshold occur."""
    if not frequent.rarer:
        return f"nothing that could be a template occurs {_times(frequent.min_count)}"
    levels = sorted(frequent.rarer, reverse=True)[:5]
    frequencies = ", ".join(f"{frequent.rarer[level]} occur {_times(level)}" for level in levels)
    return f"nothing that could be a template occurs {_times(frequent.min_count)} ({frequencies})"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
