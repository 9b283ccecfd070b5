"""What a pass found for one task, small enough to hold: what is frequent, and how much is not."""

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
    rarer: Counter[int] = field(default_factory=Counter)  # a count -> snippets that occur so often
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


def finds_by_task(
    rows: Iterable[Counted], tasks: Iterable[int], min_count: int, min_labels: int
) -> dict[int, FrequentSnippets]:
    """One `Finds` a task; rare snippets are only counted, so that memory holds."""
    finds = {task: FrequentSnippets(min_count) for task in tasks}
    for row in rows:
        if row.task in finds:
            finds[row.task].add(row, min_labels)
    return finds


def no_snippets_reason(finds: FrequentSnippets) -> str:
    """Why nothing was kept: how often the snippets below the threshold occur."""
    if not finds.rarer:
        return f"nothing that could be a template occurs {_times(finds.min_count)}"
    levels = sorted(finds.rarer, reverse=True)[:5]
    frequencies = ", ".join(f"{finds.rarer[level]} occur {_times(level)}" for level in levels)
    return f"nothing that could be a template occurs {_times(finds.min_count)} ({frequencies})"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
