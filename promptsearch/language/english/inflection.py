"""Inflections of English words and phrases, from LemmInflect's tables and rules.

A phrase is inflected at its head: the first word of a verb ("set up", "sets up"), the last of a
noun, or the one before "of" ("places of birth").
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import Any, Literal

Pos = Literal["noun", "verb", "adjective", "adverb"]

TAGS: dict[Pos, tuple[str, ...]] = {  # of the Penn Treebank; the base form first
    "noun": ("NN", "NNS"),
    "verb": ("VB", "VBP", "VBZ", "VBD", "VBN", "VBG"),
    "adjective": ("JJ", "JJR", "JJS"),
    "adverb": ("RB", "RBR", "RBS"),
}
_UNIVERSAL: dict[str, Pos] = {  # LemmInflect's names; the likelier reading of a word first
    "AUX": "verb",
    "NOUN": "noun",
    "VERB": "verb",
    "ADJ": "adjective",
    "ADV": "adverb",
}
_SAME = {"VBD": "VBN", "VBN": "VBD"}  # the tables leave out one of two equal forms
_DEGREES = {"R": "more", "S": "most"}
_ALL_FORMS = ("be", "bear")  # was, were; born, borne. Else the other forms are rare: flied
_MISSING = {("lie", "VBD"): ("lay",), ("lie", "VBN"): ("lain",)}
_MAN = re.compile(r"(?<!Ger|Nor)(?<!Ro)(?<!Otto)man$")  # of words that the tables do not know


def lemmas(phrase: str) -> tuple[tuple[Pos, str], ...]:
    """Return what the word or phrase may be an inflection of; lower-case, the likeliest first.

    Forms that differ from their lemma come first ("left": leave, then left). What the tables
    do not know is taken apart by rules.

    >>> lemmas("cities")
    (('noun', 'city'),)
    """
    candidates = {
        (pos, "".join(parts)): None for pos in TAGS for parts in _phrase_lemmas(phrase, pos)
    }
    ranks = {pos: rank for rank, pos in enumerate(_readings(phrase))}
    base = phrase.lower()
    return tuple(
        sorted(candidates, key=lambda each: (each[1] == base, ranks.get(each[0], len(TAGS))))
    )


def inflected_like(phrase: str, lemma: str, pos: Pos, source: str | None = None) -> tuple[str, ...]:
    """The forms of `lemma` that stand where `phrase` stood, with its capital; likeliest first.

    `source` is the lemma that `phrase` is read as, where it has several ("saw": see, or saw).
    Several forms where the inflection cannot be seen ("read": study, studied) or the form depends
    on the subject ("existed": was, were); none where `phrase` is no such part of speech.

    >>> inflected_like("Located", "set up", "verb")
    ('Set up',)
    """
    head = _split(phrase.lower(), pos)[1]
    sources = _word_lemmas(head, pos) if source is None else (_split(source, pos)[1],)
    tags = [tag for tag in TAGS[pos] if any(_is(head, tagged, tag, pos) for tagged in sources)]
    forms = dict.fromkeys(form for tag in tags for form in _forms(lemma, tag, pos))
    return tuple(_with_capital(form, phrase) for form in forms)


def plural(noun: str) -> str:
    """Return the plural of a noun or a noun phrase in the singular, case kept."""
    return _with_capital(_forms(noun, "NNS", "noun")[0], noun)


def gerund(verb: str) -> str:
    """Return the -ing form of a verb or a verb phrase in its base form, case kept."""
    return _with_capital(_forms(verb, "VBG", "verb")[0], verb)


def _readings(phrase: str) -> list[Pos]:
    """Parts of speech of a single word by the tables, likelier ones first."""
    known = _tables().getAllLemmas(phrase.lower())
    return list(dict.fromkeys(pos for name, pos in _UNIVERSAL.items() if name in known))


def _phrase_lemmas(phrase: str, pos: Pos) -> Iterator[tuple[str, str, str]]:
    before, head, after = _split(phrase.lower(), pos)
    for lemma in _word_lemmas(head, pos):
        yield before, lemma, after


def _word_lemmas(word: str, pos: Pos) -> tuple[str, ...]:
    """Return the lemmas of a word by the tables; by rules if these do not know it at all."""
    tables, names = _tables(), [name for name, universal in _UNIVERSAL.items() if universal == pos]
    if known := tables.getAllLemmas(word):
        lemmas = [lemma for name in names for lemma in known.get(name, ())]
    elif not word.isalpha():
        lemmas = [word]
    else:
        lemmas = list(tables.getLemma(word, names[-1]))
    return tuple(dict.fromkeys(lemmas))


def _is(word: str, lemma: str, tag: str, pos: Pos) -> bool:
    """Return whether it is that form; rare forms ("bear" as a plural) do not count."""
    forms = _word_forms(lemma, tag, pos)
    return word in (forms[:1] if tag == "NNS" else forms)


def _forms(lemma: str, tag: str, pos: Pos) -> list[str]:
    """Return the forms of a phrase; one, but where each is right somewhere."""
    before, head, after = _split(lemma, pos)
    forms = _word_forms(head, tag, pos)
    chosen = forms if head.lower() in _ALL_FORMS else forms[:1]
    return [f"{before}{form}{after}" for form in chosen]


def _word_forms(word: str, tag: str, pos: Pos) -> tuple[str, ...]:
    known = _MISSING.get((word, tag)) or _known(word, tag)
    if known:
        return known
    if tag == "VBP" or tag == TAGS[pos][0]:
        return (word,)
    if tag[-1] in _DEGREES and pos in ("adjective", "adverb"):
        return (f"{_DEGREES[tag[-1]]} {word}",)
    if tag == "NNS" and _MAN.search(word):
        return (_MAN.sub("men", word),)
    return tuple(_tables().getInflection(word, tag)) or (word,)


def _known(word: str, tag: str) -> tuple[str, ...]:
    """Return the forms of the tables alone, whose rules for unknown words make "beautifuler"."""
    forms = _tables().getAllInflections(word)
    return tuple(forms.get(tag) or forms.get(_SAME.get(tag, ""), ()))


def _split(phrase: str, pos: Pos) -> tuple[str, str, str]:
    """Return what stands before the phrase's head, the head, and what stands after it."""
    if pos == "verb":
        head, space, after = phrase.partition(" ")
        return "", head, space + after
    if pos == "noun":
        most, of, rest = phrase.partition(" of ")
        before, space, head = most.rpartition(" ")
        return before + space, head, of + rest
    return "", phrase, ""


def _with_capital(form: str, model: str) -> str:
    return form[:1].upper() + form[1:] if model[:1].isupper() else form


@cache
def _tables() -> Any:
    """LemmInflect, which takes seconds to load: it loads spaCy where there is one."""
    return import_module("lemminflect")
