"""Snippets of text and LPAQA's rules for which of them become templates.

Jiang et al. (2020), section 3.1; the rules and their order from the released code (RelEnt).
Everything here is a pure function of counts.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from string import punctuation
from typing import NamedTuple

from promptsearch.language.english.stop_words import STOP_WORDS

PUNCTUATION = frozenset(punctuation) | frozenset("‘’“”–—…«»·、。，！？：；（）《》「」")
PAIRED = frozenset("()[]{}\"'‘’“”«»（）《》「」")


class Snippet(NamedTuple):
    """Words (joined by spaces) between two mentions, or (direction 0) around an answer."""

    direction: int  # 1 subject first, -1 object first, 0 the context of an answer
    before: str  # the middle words, or the context's words before the answer
    after: str = ""  # the context's words after the answer

    @property
    def words(self) -> list[str]:
        return [*self.before.split(), *self.after.split()]


class TokenSpan(NamedTuple):
    """An entity's words: [start, end) of the tokens."""

    start: int
    end: int
    entity: str


def middle_words(
    tokens: Sequence[str],
    mentions: Sequence[TokenSpan],
    facts: frozenset[tuple[str, str]],
    max_distance: int = 10,
) -> Iterator[Snippet]:
    """Yield the words strictly between every two mentions of a fact that are near each other."""
    ordered = sorted(mentions)
    for number, first in enumerate(ordered):
        for second in ordered[number + 1 :]:
            if not 0 <= second.start - first.end <= max_distance:
                continue
            middle = " ".join(tokens[first.end : second.start])
            if (first.entity, second.entity) in facts:
                yield Snippet(1, middle)
            if (second.entity, first.entity) in facts:
                yield Snippet(-1, middle)


def merged_case(counts: Mapping[Snippet, int]) -> Counter[Snippet]:
    """Return counts of the lower-cased snippets; the released code drops what it does not merge."""
    merged: Counter[Snippet] = Counter()
    for snippet, count in counts.items():
        merged[lowered(snippet)] += count
    return merged


def lowered(snippet: Snippet) -> Snippet:
    return Snippet(snippet.direction, snippet.before.lower(), snippet.after.lower())


def is_middle(snippet: Snippet, max_words: int = 5, digits: bool = False) -> bool:
    """Return whether LPAQA takes it: no punctuation first, not all stop words, short.

    Ours: no digits.
    """
    words = snippet.before.lower().split()
    return (
        bool(words)
        and words[0][0] not in PUNCTUATION
        and not all(word in STOP_WORDS for word in words)
        and len(words) <= max_words
        and (digits or not _has_digit(words))
    )


def is_context(snippet: Snippet, max_words: int = 5, digits: bool = False) -> bool:
    """Return whether the context of an answer is taken; ours, since no paper covers it.

    Stop words are the best of contexts ("it was [Z]"), so two of them will do; one alone ("the
    [Z]") will not. Neither edge is punctuation, since the template ends in its own full stop, and
    there are no brackets or quotes, of which a window mostly holds one half.
    """
    words = [word.lower() for word in snippet.words]
    return (
        0 < len(words) <= max_words
        and not (len(words) == 1 and words[0] in STOP_WORDS)
        and any(word[0].isalpha() for word in words)
        and (not snippet.before or snippet.before[0] not in PUNCTUATION)
        and (not snippet.after or snippet.after.split()[-1] not in PUNCTUATION)
        and PAIRED.isdisjoint(words)
        and (digits or not _has_digit(words))
    )


def is_kept(snippet: Snippet, max_words: int = 5, digits: bool = False) -> bool:
    """Return whether a snippet of its kind is taken: middle words, or a context."""
    rule = is_middle if snippet.direction else is_context
    return rule(snippet, max_words, digits)


def most_frequent(
    counts: Mapping[Snippet, int],
    min_count: int = 10,
    max_words: int = 5,
    top: int = 50,
    digits: bool = False,
    merge_case: bool = True,
) -> list[tuple[Snippet, int]]:
    """Return the snippets that become templates, most frequent first, then in alphabetical order.

    `merge_case=False` is the released code: the threshold comes before lower-casing.
    """
    frequent = merged_case(counts) if merge_case else counts
    frequent = {snippet: count for snippet, count in frequent.items() if count >= min_count}
    selected = {
        snippet: count
        for snippet, count in merged_case(frequent).items()
        if is_kept(snippet, max_words, digits)
    }
    return sorted(selected.items(), key=lambda item: (-item[1], item[0]))[:top]


def _has_digit(words: Sequence[str]) -> bool:
    return any(character.isdigit() for word in words for character in word)
