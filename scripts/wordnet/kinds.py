"""The classification task: which kind of thing does a gloss describe?"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from wordnet.database import Synset, WordNet

KINDS = ("animal", "artifact", "body", "feeling", "food", "location", "person", "plant")
_WORDS = (5, 25)  # the length of a text, in words; shorter ones say too little


@dataclass(frozen=True)
class Example:
    """A gloss and the lexicographer file of its synset."""

    text: str
    label: str


def examples(wordnet: WordNet, per_kind: int) -> list[Example]:
    """As many examples of each kind, drawn by the hash of the text; the kinds take turns."""
    chosen = [_of_kind(wordnet, kind)[:per_kind] for kind in KINDS]
    return [example for turn in zip(*chosen, strict=True) for example in turn]


def _of_kind(wordnet: WordNet, kind: str) -> list[Example]:
    synsets = [s for s in wordnet.synsets.values() if s.kind == kind and _fits(s)]
    return [Example(text, kind) for text in by_hash(sorted({_text(s) for s in synsets}))]


def by_hash(names: Sequence[str]) -> list[str]:
    """The names in an order that is arbitrary but always the same."""
    return sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())


def _text(synset: Synset) -> str:
    """The first part of the definition, as a sentence."""
    first = re.sub(r"\s*\([^)]*\)", "", synset.definition).split(";")[0].strip()
    return first[:1].upper() + first[1:] + "."


def _fits(synset: Synset) -> bool:
    """Whether the text has a fair length and does not hold the headword."""
    text = _text(synset)
    words = set(re.findall(r"\w+", text.lower()))
    names = {word for lemma in synset.lemmas for word in re.findall(r"\w+", lemma.lower())}
    return (
        _WORDS[0] <= len(text.split()) <= _WORDS[1]
        and not words & {name for name in names if len(name) > 3}
        and re.fullmatch(r"[^\t\"();]+", text) is not None
    )
