"""Synonyms: WordNet's, which come with the package, and those of pair files such as PPDB's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import cast

from promptsearch.errors import DataError
from promptsearch.files.read import open_text
from promptsearch.language.english.inflection import Pos

_WORDNET = Path(__file__).with_name("synonyms.tsv.gz")


@dataclass(frozen=True)
class Synonym:
    """A synonym: a lemma of a part of speech, or (without one) a word as it is written."""

    text: str
    pos: Pos | None = None


@dataclass(frozen=True)
class Thesaurus:
    """Synonyms of words and phrases."""

    entries: Mapping[str, tuple[Synonym, ...]]

    def synonyms(self, phrase: str) -> tuple[Synonym, ...]:
        """Return the synonyms of exactly this spelling; WordNet's by frequency of sense."""
        return self.entries.get(phrase, ())


@cache
def wordnet() -> Thesaurus:
    """WordNet 3.0's synonyms of common words (`scripts/build_synonyms.py` made the file)."""
    entries: dict[str, tuple[Synonym, ...]] = {}
    with open_text(_WORDNET) as lines:
        for line in lines:
            lemma, pos, texts = line.rstrip("\n").split("\t")
            synonyms = tuple(Synonym(text, cast(Pos, pos)) for text in texts.split("|"))
            entries[lemma] = entries.get(lemma, ()) + synonyms
    return Thesaurus(entries)


def read_thesaurus(path: Path) -> Thesaurus:
    """Return a file of pairs, two words or phrases with a tab between them a line (also .gz, .zst).

    A pair counts in both directions; entries stand as they are written, in the file's order.
    `DataError` names the file and the line of what is no pair.
    """
    entries: dict[str, dict[str, Synonym]] = {}
    texts: dict[str, Synonym] = {}  # one object a text: PPDB has 200,000 pairs
    for first, second in _pairs(path):
        for phrase, text in ((first, second), (second, first)):
            synonym = texts.setdefault(text, Synonym(text))
            entries.setdefault(phrase, {}).setdefault(text, synonym)
    return Thesaurus({phrase: tuple(synonyms.values()) for phrase, synonyms in entries.items()})


def _pairs(path: Path) -> Iterator[tuple[str, str]]:
    with open_text(path, newline="") as lines:
        for number, line in enumerate(lines, 1):
            parts = [part.strip(" ") for part in line.rstrip("\r\n").split("\t")]
            if parts == [""]:
                continue
            if len(parts) != 2 or not all(parts):
                message = f"{line.strip()!r} is no pair; write two words or phrases, a tab between"
                raise DataError.at(path, number, message)
            yield parts[0], parts[1]
