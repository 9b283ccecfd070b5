"""Contexts of answers, for classification: the words around an answer in running text.

Ours, since LPAQA mines facts only. An answer that stands in the corpus shows, in the words around
it, how people write it: "the food was [Z]". A context that takes answers of several labels is a
question about the label; one that takes a single label's would only repeat that label.
"""

from collections.abc import Iterator, Mapping, Sequence

from promptsearch.searchers.mine.snippets import Snippet, is_context


def contexts(
    before_words: Sequence[str],
    after_words: Sequence[str],
    max_words: int = 5,
    digits: bool = False,
) -> Iterator[Snippet]:
    """Yield every window of at most `max_words` words around an answer that can be a context.

    `before_words` and `after_words` are those before and after the answer in its sentence.
    """
    for before in range(min(max_words, len(before_words)) + 1):
        for after in range(min(max_words - before, len(after_words)) + 1):
            window = Snippet(
                0,
                " ".join(before_words[len(before_words) - before :]),
                " ".join(after_words[:after]),
            )
            if is_context(window, max_words, digits):
                yield window


def shared_contexts(
    counts: Mapping[Snippet, Mapping[str, int]],
    min_count: int = 10,
    min_labels: int = 2,
    top: int = 50,
) -> list[tuple[Snippet, int]]:
    """Return the contexts that become templates: of most labels first, then the most frequent."""
    shared = [
        (snippet, len(by_label), sum(by_label.values()))
        for snippet, by_label in counts.items()
        if len(by_label) >= min_labels and sum(by_label.values()) >= min_count
    ]
    shared.sort(key=lambda item: (-item[1], -item[2], item[0]))
    return [(snippet, count) for snippet, _, count in shared[:top]]
