"""Synonyms of common words, from WordNet's four data files and its counts of senses.

Formats: wndb(5WN) and senseidx(5WN). A sense's number is its rank by frequency among its lemma's
senses; its count is how often it stands in the tagged texts.
"""

import gzip
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FILES = {"noun": "data.noun", "verb": "data.verb", "adjective": "data.adj", "adverb": "data.adv"}
_TYPES = {"1": "noun", "2": "verb", "3": "adjective", "4": "adverb", "5": "adjective"}
_MARKER = re.compile(r"\((a|p|ip)\)$")  # where an adjective may stand
_COMMON = re.compile(r"[a-z-]+( [a-z-]+){0,2}")  # no names, no figures, at most three words
_FUNCTION_WORDS = """
    a about above across after against all along am among an and any around as at because before
    behind below beneath beside between both but by can could down each either except few for from
    he her his how i if in inside into it like many may me might minus more most much must my near
    neither no none nor not of off on once one or other our out outside over past per plus round
    shall she should since so some such than that the their them then there they this those though
    through till to too toward towards under until unto up upon us versus via we what when where
    which while who whom why will with within without would yet you your"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())  # in WordNet: rare words of their spelling


@dataclass(frozen=True)
class Sense:
    """A lemma's place in a synset: its rank among the lemma's senses, and its count."""

    number: int
    count: int


Key = tuple[str, str, int]  # lemma, part of speech, offset of the synset
Senses = Mapping[Key, Sense]


def synonym_lines(directory: Path) -> Iterator[str]:
    """`lemma<TAB>pos<TAB>synonym|synonym`, by lemma; its most frequent part of speech first."""
    senses = _senses(directory)
    meanings: dict[tuple[str, str], list[tuple[int, int]]] = {}  # (sense number, offset)
    members: dict[tuple[str, int], list[str]] = {}
    for pos, name in FILES.items():
        for offset, lemmas in _synsets(directory / name):
            members[pos, offset] = _by_count(lemmas, pos, offset, senses)
            for lemma in lemmas:
                number = senses[lemma, pos, offset].number
                meanings.setdefault((lemma, pos), []).append((number, offset))
    counts = Counter[tuple[str, str]]()
    for (lemma, pos, _), sense in senses.items():
        counts[lemma, pos] += sense.count
    for lemma, pos in sorted(meanings, key=lambda key: (key[0], -counts[key], key[1])):
        found = [members[pos, offset] for _, offset in sorted(meanings[lemma, pos])]
        if others := [each for each in _each_once(found) if each != lemma]:
            yield f"{lemma}\t{pos}\t{'|'.join(others)}"


def write_synonyms(lines: Iterable[str], path: Path) -> int:
    """The file, the same bytes every time; the number of lines."""
    texts = list(lines)
    data = "".join(f"{text}\n" for text in texts).encode()
    path.write_bytes(gzip.compress(data, mtime=0))
    return len(texts)


def _senses(directory: Path) -> Senses:
    found = {}
    with (directory / "index.sense").open(encoding="utf-8") as lines:
        for line in lines:
            key, offset, number, count = line.split()
            lemma, kind = key.split("%")
            place = lemma.replace("_", " "), _TYPES[kind[0]], int(offset)
            found[place] = Sense(int(number), int(count))
    return found


def _synsets(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The offset and the common words of each synset that has any."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith(" "):  # the licence
                continue
            offset, _, _, n_words, *rest = line.split(" ")
            words = rest[0 : 2 * int(n_words, 16) : 2]  # each is followed by its sense's id
            names = [_MARKER.sub("", word).replace("_", " ") for word in words]
            if common := [name for name in names if _is_common(name)]:
                yield int(offset), common


def _is_common(name: str) -> bool:
    single = len(name) < 2 or name in FUNCTION_WORDS
    return not single and _COMMON.fullmatch(name) is not None


def _by_count(lemmas: Sequence[str], pos: str, offset: int, senses: Senses) -> list[str]:
    """The members that mean this most often first; equal ones in WordNet's order."""
    return sorted(lemmas, key=lambda lemma: -senses[lemma, pos, offset].count)


def _each_once(groups: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(each for group in groups for each in group))
