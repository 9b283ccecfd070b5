"""PET's patterns and verbalizers, and PETAL's verbalizers.

Schick and Schütze (2021), https://arxiv.org/abs/2001.07676, https://github.com/timoschick/pet
Patterns are Python (`pvp.py`): classes whose `get_parts` lists the parts of each pattern. They are
parsed, never run. Verbalizers are in the same classes; in JSON (label -> words, by name or, as
PETAL writes them, by pattern: Schick et al. 2020, https://arxiv.org/abs/2010.13641); or in the text
that PET's --verbalizer_file takes: a pattern's number, then a label and its words a line.

PET puts a space before every part. Its second segment (parts_b) goes on behind the first here.
"""

from pathlib import Path

from promptsearch.data.tables.json_rows import json_document
from promptsearch.files.read import ENCODING, kind_of, open_text
from promptsearch.formats.importing.contents import (
    ImportedFiles,
    ImportOptions,
    Location,
    well_formed,
)
from promptsearch.formats.pet.exporter import write
from promptsearch.formats.pet.patterns import classes_of
from promptsearch.formats.pet.verbalizers import in_json, in_text

__all__ = ["ENDINGS", "read", "write"]

ENDINGS = (".py", ".json", ".txt")
POSITIONS = ("text_a", "text_b")


def read(path: Path, options: ImportOptions) -> ImportedFiles:
    """Return patterns with their verbalizers, or verbalizers alone."""
    location = Location(path)
    if kind_of(path) == ".json":
        document = json_document(path, ENCODING)
        well_formed(location, document)
        return ImportedFiles(verbalizers=tuple(in_json(location, document)), positions=POSITIONS)
    with open_text(path, ENCODING) as stream:
        text = stream.read()
    if kind_of(path) == ".py" or "def get_parts(" in text:
        templates, verbalizers, notes = classes_of(location, text)
        return ImportedFiles(templates, verbalizers, positions=POSITIONS, notes=notes)
    lines = [(Location(path, n), line.strip()) for n, line in enumerate(text.split("\n"), 1)]
    return ImportedFiles(verbalizers=tuple(in_text(location, lines)), positions=POSITIONS)
