"""Turning glosses into the lines of the corpus: "Paris is the capital of France. ..."."""

import re
from collections.abc import Iterator

from wordnet.database import Synset, WordNet

_ARTICLE = re.compile(r"(an?|the|any|some|one|all|each|this|that|those|these)\b", re.IGNORECASE)
_TAKES_THE = re.compile(
    r"((state|national|provincial) )?(capital|chief|(second )?largest|oldest|longest|highest)\b"
)
_PLURAL_OR_VERB = re.compile(r"(?!United|Swiss)\w*([^s]s|ing|ed|ly|formerly|once)(?<!ous)(?<!us)\b")
_LABEL = re.compile(r"^(\([^)]*\)\s*)+")  # "(chemistry) ..." names the field, not the thing
_PLACE_OR_PERSON = {"person", "location", "object", "group", "artifact"}


def corpus_lines(wordnet: WordNet) -> Iterator[str]:
    """One line per synset that has a definition."""
    for synset in wordnet.synsets.values():
        if definition := _LABEL.sub("", synset.definition):
            yield _line(wordnet, synset, definition)


def _line(wordnet: WordNet, synset: Synset, definition: str) -> str:
    """The definition as a sentence, then the examples."""
    verb = "was" if re.match(r"(formerly|once)\b", definition) else "is"
    subject = headword(wordnet, synset, definition)
    sentence = f"{subject} {verb} {with_article(synset, definition)}"
    return " ".join(_closed(text) for text in (sentence, *synset.examples))


def headword(wordnet: WordNet, synset: Synset, definition: str) -> str:
    """The best name of one particular thing, else the first; "A dog" where "a ..." follows."""
    if synset.is_instance:
        return wordnet.best_name(synset)
    name = synset.lemmas[0]
    if re.match(r"an?\b", definition) and name[0].islower():
        return f"{_indefinite(name)} {name}"
    return name


def with_article(synset: Synset, definition: str) -> str:
    """Glosses of particular people and places often leave the article out; it is put back."""
    if not synset.is_instance or synset.kind not in _PLACE_OR_PERSON or _ARTICLE.match(definition):
        return definition
    if _TAKES_THE.match(definition):
        return f"the {definition}"
    if _PLURAL_OR_VERB.match(definition):
        return definition
    return f"{_indefinite(definition)} {definition}"


def _indefinite(text: str) -> str:
    if re.match(r"(?i)(uni(?!n)|euro|one\b|use)", text):
        return "a"
    return "an" if text[0].lower() in "aeiou" else "a"


def _closed(text: str) -> str:
    text = text[0].upper() + text[1:]
    return text if text[-1] in ".!?" else f"{text}."
