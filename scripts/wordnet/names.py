"""The tagging task: which words of a gloss name a person or a place?

The tags are silver: WordNet's instances say what a name names. A sentence is left out where they
leave a doubt: a name of things of two kinds, or a capital letter on a word that WordNet lacks.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wordnet.database import Synset, WordNet
from wordnet.kinds import by_hash
from wordnet.sentences import headword, with_article

TYPES = {"person": "person", "location": "place", "object": "place"}  # lexicographer file -> type
_WORD = re.compile(
    r"(?:[A-Za-z]\.){2,}|[A-Z]\.(?=\s?[A-Z])|(?:St|Mt|Ft|Dr|Mr|Mrs|Jr|Sr)\."  # abbreviations
    r"|'s\b|\d+(?:[.,:]\d+)*\w*|\w+(?:-\w+)*|[^\w\s]"
)
_LENGTH = range(6, 26)  # words; shorter sentences say too little
_LONGEST = 6  # words of a name
_SHARES = {"person": 4, "place": 2, "described": 2, "common": 2}  # of ten sentences
_SKY = re.compile(r"\b(constellation|star|stars|galaxy|planet|moon|satellite)\b")
Words = tuple[str, ...]


@dataclass(frozen=True)
class Sentence:
    """Words, and their tags in IOB2."""

    words: Words
    tags: tuple[str, ...]


def sentences(wordnet: WordNet, count: int) -> list[Sentence]:
    """So many sentences, drawn by the hash of their text; the sorts take turns.

    Each synset gives one: a sentence that begins with the name of a person or a place, the
    description of one that names others, or the gloss of a common noun.
    """
    types = _types_of_names(wordnet)
    sorts: dict[str, list[Sentence]] = {name: [] for name in _SHARES}
    for synset in wordnet.synsets.values():
        sort = _sort_of(synset)
        tagged = None if sort is None else _tagged(wordnet, synset, sort in TYPES.values(), types)
        if sort and tagged and (sort != "described" or set(tagged.tags) != {"O"}):
            sorts[sort].append(tagged)
    drawn = {sort: iter(_by_hash(members)) for sort, members in sorts.items()}
    order = [sort for sort, share in _SHARES.items() for _ in range(share)]
    return [next(drawn[order[number % len(order)]]) for number in range(count)]


def _sort_of(synset: Synset) -> str | None:
    """Half of the instances are named, half described: their number decides. No stars."""
    if synset.is_instance and synset.kind in TYPES and not _SKY.search(synset.definition):
        return "described" if synset.offset % 2 else TYPES[synset.kind]
    if synset.is_instance:
        return None
    return "common" if synset.lemmas[0][0].islower() else None


def _by_hash(members: Sequence[Sentence]) -> list[Sentence]:
    distinct = {" ".join(sentence.words): sentence for sentence in members}
    return [distinct[text] for text in by_hash(sorted(distinct))]


Types = Mapping[Words, frozenset[str]]


def _types_of_names(wordnet: WordNet) -> Types:
    """The types of each name: person, place, or other for what is neither or no instance."""
    found: dict[Words, set[str]] = {}
    for synset in wordnet.synsets.values():
        type_ = TYPES.get(synset.kind, "other") if synset.is_instance else "other"
        for lemma in synset.lemmas:
            if lemma[0].isupper():
                found.setdefault(words_of(lemma), set()).add(type_)
    return {words: frozenset(types) for words, types in found.items()}


def words_of(text: str) -> Words:
    """The words and signs of a text."""
    return tuple(_WORD.findall(text))


def _tagged(wordnet: WordNet, synset: Synset, named: bool, types: Types) -> Sentence | None:
    """The synset's sentence; None where it is too short or long, or a name is in doubt."""
    description = _description(synset)
    name = words_of(headword(wordnet, synset, description)) if named else ()
    verb = "was" if re.match(r"(formerly|once)\b", description) else "is"
    article = words_of(f"{with_article(synset, description)}.")
    words = (*name, verb, *article) if named else article
    if len(words) not in _LENGTH:
        return None
    of_name = _span(TYPES[synset.kind], len(name)) if named else []
    tags = [*of_name, *_tags(words, len(name), {**types, **_parts(wordnet, synset)})]
    certain = tuple(tag for tag in tags if tag is not None)
    start = words[0][0].upper() + words[0][1:]
    return Sentence((start, *words[1:]), certain) if len(certain) == len(words) else None


def _span(type_: str, length: int) -> list[str]:
    return [f"B-{type_}", *[f"I-{type_}"] * (length - 1)]


def _description(synset: Synset) -> str:
    """The first part of the definition, without brackets."""
    return re.sub(r"\s*\([^)]*\)", "", synset.definition).split(";")[0].strip()


def _parts(wordnet: WordNet, synset: Synset) -> dict[Words, frozenset[str]]:
    """The names of what a place is a part of: they are places here, whatever else has them."""
    if not synset.is_instance or TYPES.get(synset.kind) != "place":
        return {}
    names = (name for whole in wordnet.wholes(synset) for name in whole.lemmas)
    return {words_of(name): frozenset(["place"]) for name in names if name[0].isupper()}


def _tags(words: Words, start: int, types: Types) -> Iterator[str | None]:
    """The tags from `start` on, by the longest names; None for a word in doubt."""
    while start < len(words):
        stop = start + 1
        for end in range(min(start + _LONGEST, len(words)), start, -1):
            if words[start:end] in types:
                stop = end
                break
        yield from _tags_of(words[start:stop], types)
        start = stop


def _tags_of(name: Words, types: Types) -> Iterator[str | None]:
    """The tags of a name, or of a word that is none."""
    match sorted(types.get(name, ())):
        case []:
            yield None if re.search("[A-Z]", name[0]) else "O"
        case ["other"]:
            yield from ["O"] * len(name)
        case ["person" | "place" as type_]:
            yield from _span(type_, len(name))
        case _:
            yield None
