"""Replacements of a word or phrase of a text, inflected as it is."""

from collections.abc import Iterator

from promptsearch.language.english.inflection import inflected_like, lemmas
from promptsearch.language.english.thesaurus import Thesaurus


def replacements(phrase: str, thesaurus: Thesaurus) -> tuple[str, ...]:
    """Synonyms that fit where the phrase stands; each once, never the phrase itself.

    Entries with a part of speech (WordNet's) are looked up by lemma and inflected like the phrase,
    the most frequent sense first; others (a pair file's) by the phrase and used as they are. A
    capital at the phrase's start is kept.
    """
    texts = dict.fromkeys((*_as_written(phrase, thesaurus), *_inflected(phrase, thesaurus)))
    return tuple(text for text in texts if text.lower() != phrase.lower())


def _as_written(phrase: str, thesaurus: Thesaurus) -> Iterator[str]:
    """Yield synonyms of the exact spelling, then of the one without a sentence-start capital."""
    yield from (each.text for each in thesaurus.synonyms(phrase) if each.pos is None)
    small = phrase[:1].lower() + phrase[1:]
    if small != phrase:
        for each in thesaurus.synonyms(small):
            if each.pos is None:
                yield each.text[:1].upper() + each.text[1:]


def _inflected(phrase: str, thesaurus: Thesaurus) -> Iterator[str]:
    readings = lemmas(phrase)
    for lemma in dict.fromkeys(lemma for _, lemma in readings):
        for each in thesaurus.synonyms(lemma):
            if each.pos is not None and (each.pos, lemma) in readings:
                yield from inflected_like(phrase, each.text, each.pos, lemma)
