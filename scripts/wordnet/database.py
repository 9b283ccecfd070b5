"""Reading WordNet's noun database (`data.noun`; its format is wndb(5WN))."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

LEXICOGRAPHER_FILES = {  # number -> name, from WordNet's own `lexnames`
    4: "act", 5: "animal", 6: "artifact", 7: "attribute", 8: "body", 9: "cognition",
    10: "communication", 11: "event", 12: "feeling", 13: "food", 14: "group", 15: "location",
    16: "motive", 17: "object", 18: "person", 19: "phenomenon", 20: "plant", 21: "possession",
    22: "process", 23: "quantity", 24: "relation", 25: "shape", 26: "state", 27: "substance",
    28: "time",
}  # fmt: skip
INSTANCE_OF, PART_OF = "@i", "#p"
_NAMING = ("group", "person", "communication", "event")  # not animals: Angora cats, Ankara the city
_FULL_NAME = re.compile(r"[A-Z][\w.'-]+( [A-Z][\w.'-]*)* [A-Z][\w.'-]+")  # Charles Dickens
_LONGEST_NAME = 6  # words; longer lemmas are never chosen as the best known


@dataclass(frozen=True)
class Synset:
    """One meaning: its names, its gloss, and where its pointers lead."""

    offset: int
    kind: str  # the lexicographer file, as in LEXICOGRAPHER_FILES
    lemmas: tuple[str, ...]
    pointers: tuple[tuple[str, int], ...]  # (symbol, offset of a noun synset)
    gloss: str

    @cached_property
    def definition(self) -> str:
        """The gloss without its quoted examples."""
        return _split_gloss(self.gloss)[0]

    @cached_property
    def examples(self) -> tuple[str, ...]:
        """The quoted examples of the gloss."""
        return _split_gloss(self.gloss)[1]

    def targets(self, symbol: str) -> list[int]:
        """The offsets that the pointers with this symbol lead to."""
        return [offset for at, offset in self.pointers if at == symbol]

    @property
    def is_instance(self) -> bool:
        """Whether it is one particular thing (Paris), not a kind of thing (city)."""
        return bool(self.targets(INSTANCE_OF))


@dataclass(frozen=True)
class WordNet:
    """All noun synsets, by their offset in the file."""

    synsets: Mapping[int, Synset]

    def wholes(self, synset: Synset) -> list[Synset]:
        """What it is a part of, the nearest first: Paris, then France, then Europe."""
        found: dict[int, Synset] = {}
        front = synset.targets(PART_OF)
        while front:
            new = [offset for offset in front if offset not in found]
            found |= {offset: self.synsets[offset] for offset in new}
            front = [up for offset in new for up in self.synsets[offset].targets(PART_OF)]
        return list(found.values())

    def instances(self, *kinds: str) -> list[Synset]:
        """The synsets that are an instance of a synset with one of these names."""
        of = {s.offset for s in self.synsets.values() if set(kinds) & set(s.lemmas)}
        return [s for s in self.synsets.values() if of & set(s.targets(INSTANCE_OF))]

    @cached_property
    def mentions(self) -> Counter[str]:
        """How many glosses and names of people, places and works hold each name."""
        particular = [s for s in self.synsets.values() if s.is_instance or s.kind in _NAMING]
        lemmas = {name for synset in particular for name in synset.lemmas}
        texts = [". ".join((synset.gloss, *synset.lemmas)) for synset in particular]
        return Counter(name for text in texts for name in _names(text) & lemmas)

    def best_name(self, synset: Synset) -> str:
        """The name that other glosses use most (Brussels, not Bruxelles); ties to the first.

        People go by a name of two words or more where they have one.
        """
        names = [name for name in synset.lemmas if "capital" not in name] or [synset.lemmas[0]]
        if synset.kind == "person" and (full := [n for n in names if _FULL_NAME.fullmatch(n)]):
            names = full
        own = _names(synset.gloss)  # "known as Frunze until 1991" does not make Frunze known
        return max(names, key=lambda name: self.mentions[name] - (name in own))


def read_wordnet(directory: Path) -> WordNet:
    """The nouns of the database in `directory`, which holds `data.noun`."""
    with (directory / "data.noun").open(encoding="utf-8") as lines:
        parsed = [_synset(line) for line in lines if not line.startswith(" ")]
    return WordNet({synset.offset: synset for synset in parsed})


def _synset(line: str) -> Synset:
    fields, gloss = line.rstrip().split(" | ", 1)
    offset, kind, _, n_words, *rest = fields.split(" ")
    words = rest[0 : 2 * int(n_words, 16) : 2]  # each word is followed by its sense number
    links = rest[2 * int(n_words, 16) + 1 :]
    pointers = [
        (symbol, int(target))
        for symbol, target, part in zip(links[::4], links[1::4], links[2::4], strict=False)
        if part == "n"
    ]
    lemmas = tuple(word.replace("_", " ") for word in words)
    name = LEXICOGRAPHER_FILES.get(int(kind), "top")
    return Synset(int(offset), name, lemmas, tuple(pointers), gloss.strip())


def _split_gloss(gloss: str) -> tuple[str, tuple[str, ...]]:
    examples = tuple(part.strip() for part in re.findall(r'"([^"]+)"', gloss))
    definition = re.sub(r'[;:,]?\s*"[^"]*"(\s*-+\s*[^;"]*)?', "", gloss)
    return definition.strip(' ;:,"'), examples


def _names(text: str) -> set[str]:
    """Every run of at most _LONGEST_NAME words."""
    words = re.findall(r"[\w.'-]*\w", text)
    return {
        " ".join(words[start:stop])
        for start in range(len(words))
        for stop in range(start + 1, min(start + _LONGEST_NAME, len(words)) + 1)
    }
