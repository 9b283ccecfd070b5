"""Facts (subject, object) from the glosses, checked against WordNet's part-of pointers.

Each function is one relation. The patterns are conservative: a gloss that does not fit is left out.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wordnet.database import Synset, WordNet


@dataclass(frozen=True, order=True)
class Fact:
    """One true pair; a subject may be in several."""

    subject: str
    object: str


_NO_LONGER = re.compile(r"\b(former|formerly|ancient|was|until|once|old|medieval)\b")
_FIGURATIVE = re.compile(r" of (?!the\b|state\b|province\b)[a-z]")  # "the capital of bullfighting"
_CITIES = ("city", "town", "port", "capital", "national capital", "state capital")


def capitals(wordnet: WordNet) -> Iterator[Fact]:
    """A country, state or province, and the city that its gloss calls its capital."""
    for city in wordnet.instances(*_CITIES, "provincial capital"):
        for clause in city.definition.split(";"):
            _, word, after = clause.partition("capital")
            if not word or _NO_LONGER.search(clause) or _FIGURATIVE.match(after):
                continue
            if region := _first_named(wordnet.wholes(city), after):
                yield Fact(region, wordnet.best_name(city))
                break


def _first_named(places: list[Synset], text: str) -> str | None:
    """The place that is the first proper name in the text, under the name used there."""
    proper = re.sub(r"^[^A-Z]*", "", re.sub(r"\([^)]*\)", "", text))
    names = [name for place in places for name in place.lemmas]
    named = [name for name in names if re.match(rf"{re.escape(name)}\b", proper)]
    return max(named, key=len, default=None)


_MONEY = re.compile(
    r"(?:formerly )?the basic (?:unit of money|monetary unit) (?:in|on|of) (?:the )?"
    r"(?P<countries>[A-Z][\w ]+?)(?:;|$)"
)
_ONE_COUNTRY = re.compile(r"Trinidad and|Principe")  # an "and" inside a name


def currencies(wordnet: WordNet) -> Iterator[Fact]:
    """A country and the last word of its basic unit of money: Kuwait, dinar."""
    for unit in wordnet.synsets.values():
        if match := _MONEY.match(unit.definition):
            text = match["countries"]
            countries = [text] if _ONE_COUNTRY.search(text) else text.split(" and ")
            yield from (Fact(name, unit.lemmas[0].split()[-1]) for name in countries)


_PLACES = (
    "city",
    "town",
    "port",
    "port city",
    "river",
    "lake",
    "mountain peak",
    "island",
    "mountain",
)
_REGIONS = ("country", "European country", "European nation", "Scandinavian country",
            "African country", "African nation", "Asian country", "Asian nation",
            "North American country", "North American nation", "Central American country",
            "Central American nation", "South American country", "South American nation",
            "American state", "Canadian province", "Australian state")  # fmt: skip


def locations(wordnet: WordNet) -> Iterator[Fact]:
    """A city, river, lake, mountain or island, and the countries and states it is part of."""
    regions = {synset.offset for synset in wordnet.instances(*_REGIONS)}
    for place in wordnet.instances(*_PLACES):
        for whole in wordnet.wholes(place):
            if whole.offset in regions:
                yield Fact(wordnet.best_name(place), wordnet.best_name(whole))


_PROFESSION = re.compile(
    r"(?:[A-Z]\w+ )+(?P<noun>[a-z]+)"  # "United States physicist"
    r"(?= (?:who|whose|and|noted|remembered|known|best|of|in|from)\b| \(|$)"
)


def professions(wordnet: WordNet) -> Iterator[Fact]:
    """A person and the profession that the gloss gives first."""
    for person in wordnet.synsets.values():
        match = _PROFESSION.match(person.definition)
        if match and person.kind == "person" and person.is_instance:
            yield Fact(wordnet.best_name(person), match["noun"])


def frequent(facts: Iterable[Fact], at_least: int) -> list[Fact]:
    """The distinct facts whose object has that many subjects, in order.

    Facts whose object stands in the subject (Mexico, Mexico City) are left out: copying the
    subject would answer them.
    """
    distinct = sorted({fact for fact in facts if not _copies(fact)})
    count = Counter(fact.object for fact in distinct)
    return [fact for fact in distinct if count[fact.object] >= at_least]


def _copies(fact: Fact) -> bool:
    subject, answer = fact.subject.lower(), fact.object.lower()
    return answer in subject or subject in answer
