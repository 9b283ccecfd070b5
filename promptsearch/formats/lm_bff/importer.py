"""Lines of LM-BFF's files: templates with `*marks*`, and mappings from labels to words."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from promptsearch.errors import PromptError
from promptsearch.files.read import ENCODING, open_text
from promptsearch.formats.importing.contents import (
    ForeignTemplate,
    ForeignVerbalizer,
    ImportedFiles,
    ImportOptions,
    Location,
    well_formed,
)
from promptsearch.formats.shared.python_literals import literal
from promptsearch.prompt import Field, Part, Slot, Template, Text

SENTENCES = tuple(f"sent_{place}" for place in range(10))
CONTROL = ("cls", "sep", "sep+")  # put there by our tokenizers themselves
CHANGES = {
    "l": "a small first letter (sentl)",
    "u": "a capital first letter (sentu)",
    "-": "no last character (sent-)",
    "l-": "a small first letter and no last character (sentl-)",
}
_SENTENCE = re.compile(r"(?P<space>(?:\+(?!sentl?-))?)sent(?P<change>l-|[lu-]?)_(?P<place>\d)")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_SCORED = re.compile(rf"(?:(?P<before>{_NUMBER})\s+)?(?P<rest>\S.*?)(?:\t\s*(?P<after>{_NUMBER}))?")


def read(path: Path, options: ImportOptions) -> ImportedFiles:
    """Return templates or mappings, best first, with their scores as evidence.

    The released lists have some mappings that give two labels one word: they are left out.
    """
    location = Location(path)
    lines = [_line(location, text) for location, text in _lines(path)]
    templates = tuple(foreign for foreign in lines if isinstance(foreign, ForeignTemplate))
    every = [foreign for foreign in lines if isinstance(foreign, ForeignVerbalizer)]
    verbalizers = tuple(
        foreign for foreign in every if len(set(foreign.answers)) == len(foreign.answers)
    )
    alike = len(every) - len(verbalizers)
    notes = [f"{alike} mappings that have one word for two labels are left out"]
    if not templates and not verbalizers:
        problem = notes[0] if alike else "it holds nothing"
        raise location.error(f"{problem}; a line is a template (*cls**sent_0*...) or a mapping")
    return ImportedFiles(
        templates, verbalizers, positions=SENTENCES, notes=tuple(notes if alike else ())
    )


def _lines(path: Path) -> Iterator[tuple[Location, str]]:
    with open_text(path, ENCODING) as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield Location(path, number), line.rstrip("\r\n")


def _line(location: Location, line: str) -> ForeignTemplate | ForeignVerbalizer:
    match = _SCORED.fullmatch(line.strip())
    assert match is not None  # the line is not blank
    score = match["before"] or match["after"]
    evidence: dict[str, object] = {} if score is None else {"score": float(score)}
    well_formed(location, evidence)
    if match["rest"].startswith("{"):
        return _mapping(location, match["rest"], evidence)
    evidence["published"] = match["rest"]
    template, lost = template_of(location, match["rest"])
    return ForeignTemplate(location, template, spaced=True, evidence=evidence, lost=lost)


def template_of(location: Location, notation: str) -> tuple[Template, tuple[str, ...]]:
    """Return the template, and notes on what it cannot hold.

    A space before a mask is LM-BFF's own: the word brings another.
    Raises DataError if the notation means nothing.
    """
    parts: list[Part] = []
    lost: list[str] = []
    pieces = notation.split("*")
    marked = {number for number, piece in enumerate(pieces) if _is_mark(piece)}
    for number, piece in enumerate(pieces):
        if number not in marked:
            if piece and number % 2 and all(each % 2 for each in marked):
                raise location.error(f"*{piece}* means nothing here; *mask* and *sent_0* are known")
            text = piece.replace("_", " ")
            inside = any(not isinstance(part, Text) or part.text for part in parts)
            if inside and text.endswith(" ") and pieces[number + 1 :][:1] == ["mask"]:
                text += " "
            parts.append(Text(text))
            continue
        parts += _marked(piece)
        if (sentence := _SENTENCE.fullmatch(piece)) and sentence["change"]:
            lost.append(f"LM-BFF gives sent_{sentence['place']} {CHANGES[sentence['change']]}")
        if piece.startswith("sep") and any(pieces[number + 1 :]):
            lost.append("LM-BFF has a separator between its sentences")
    if Slot() not in parts:
        raise location.error(f"{notation!r} has no *mask*; write it where the word stands")
    try:
        return Template(tuple(parts)), tuple(dict.fromkeys(lost))
    except PromptError as error:
        raise location.error(error) from None


def _is_mark(piece: str) -> bool:
    return piece in (*CONTROL, "mask") or _SENTENCE.fullmatch(piece) is not None


def _marked(piece: str) -> list[Part]:
    if piece == "mask":
        return [Slot()]
    if piece in CONTROL:
        return []
    match = _SENTENCE.fullmatch(piece)
    assert match is not None
    return [Text(" " * len(match["space"])), Field(f"sent_{match['place']}")]


def _mapping(location: Location, text: str, evidence: Mapping[str, object]) -> ForeignVerbalizer:
    mapping = literal(location, text)
    if not isinstance(mapping, dict) or not mapping:
        raise location.error(
            f"{text[:40]!r} is no mapping, such as {{'0': 'terrible', '1': 'great'}}"
        )
    words = list(mapping.values())
    if invalid := [word for word in words if not isinstance(word, str)]:
        raise location.error(f"a label's word is {invalid[0]!r}; write one word for each label")
    if invalid := [label for label in mapping if not isinstance(label, str | int)]:
        raise location.error(f"a label is {invalid[0]!r}; write it as a string")
    labels = tuple(map(str, mapping))
    if len(set(labels)) < len(labels):
        raise location.error("a label stands twice in the mapping; keep one")
    well_formed(location, [labels, words])
    return ForeignVerbalizer(location, tuple((word,) for word in words), labels, evidence=evidence)
