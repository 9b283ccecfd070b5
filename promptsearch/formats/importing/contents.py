"""Prompts in the formats of other tools: the contents of their files, before it is a task's.

A format is a module of this package, named for it, with

    def read(path: Path, options: ImportOptions) -> ImportedFiles

and `ENDINGS` of its files in a folder. It raises `DataError` at the line that it cannot read.
Templates keep the names that the format gives to inputs; `input_names` maps them to the task's.
"""

import json
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from promptsearch.data import TaskDefinition
from promptsearch.errors import DataError
from promptsearch.models import LanguageModel
from promptsearch.prompt import Template
from promptsearch.prompt_file.prompts_json import Json

LONGEST = 60  # characters of a value that an error shows


class Location(NamedTuple):
    """Position of an entry: a file, and a line in it."""

    path: Path
    line: int | None = None

    def error(self, message: object) -> DataError:
        return DataError.at(self.path, self.line, str(message))

    @property
    def evidence(self) -> Json:
        line = {} if self.line is None else {"line": self.line}
        return {"file": self.path.name, **line}


@dataclass(frozen=True)
class ForeignTemplate:
    """Template in a format's terms."""

    location: Location
    template: Template  # its fields are the format's
    group: str = ""  # the relation, or the name under which the file keeps it
    pattern: str = ""  # what it has in common with the verbalizers that are for it alone
    spaced: bool = False  # the format's words bring a space: one belongs before each slot
    evidence: Json = field(default_factory=dict)  # weights and scores, as published
    weight: float | None = None  # in the ensemble of its group
    lost: tuple[str, ...] = ()  # what a template cannot hold
    round_trips: bool | None = None  # None: not known without a model
    token_ids: tuple[int, ...] | None = None


@dataclass(frozen=True)
class ForeignVerbalizer:
    """Verbalizer in a format's terms; without labels it goes by position."""

    location: Location
    answers: tuple[tuple[object, ...], ...]  # of each label; an answer is a text, or one a slot
    labels: tuple[str, ...] | None = None
    group: str = ""
    pattern: str = ""
    glued: bool = False  # no space before the words, though the format has one
    no: str | None = None  # what each label's word, at a slot of its own, is against
    evidence: Json = field(default_factory=dict)
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImportedFiles:
    """Contents of files: templates, verbalizers, or both."""

    templates: tuple[ForeignTemplate, ...] = ()
    verbalizers: tuple[ForeignVerbalizer, ...] = ()
    facts: bool = False
    positions: tuple[str, ...] = ()  # names of inputs that the format counts: the first, the second
    labels: tuple[str, ...] = ()  # the order of labels, where a file is a list of them
    notes: tuple[str, ...] = ()  # `read_files` puts the file's name before them
    files: tuple[Path, ...] = ()

    def __add__(self, more: "ImportedFiles") -> "ImportedFiles":
        return ImportedFiles(
            self.templates + more.templates,
            self.verbalizers + more.verbalizers,
            self.facts or more.facts,
            self.positions or more.positions,
            self.labels or more.labels,
            self.notes + more.notes,
            self.files + more.files,
        )

    def first(self, count: int | None, file: Path, name: str) -> "ImportedFiles":
        """Return the first `count` templates and verbalizers of `file`; notes begin with `name`."""
        first_parts, notes = (self.templates[:count], self.verbalizers[:count]), self.notes
        named_notes = tuple(f"{name}: {note}" for note in notes)
        return replace(
            self,
            templates=first_parts[0],
            verbalizers=first_parts[1],
            notes=named_notes,
            files=(file,),
        )

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of groups, each once, in order; one empty name if there is none."""
        names = [foreign.group for foreign in self.templates] + [
            foreign.group for foreign in self.verbalizers
        ]
        return tuple(name for name in dict.fromkeys(names) if name) or ("",)


@dataclass(frozen=True)
class ImportOptions:
    """User's options on the files."""

    task: TaskDefinition | None = None
    labels: tuple[str, ...] = ()  # names of labels, by position
    renamed: Mapping[str, str] = field(default_factory=dict)  # the file's label -> ours
    inputs: tuple[str, ...] = ()  # names of inputs, by position
    fields: Mapping[str, str] = field(default_factory=dict)  # the file's input -> ours
    templates: tuple[Template, ...] = ()  # where the files hold none
    candidates: Path | None = None  # an answer a line; a folder has a file a relation
    group: str = ""  # the only one to import
    top: int | None = None  # only so many of each file
    model: LanguageModel | None = None


def read_files(paths: Sequence[Path], name: str, options: ImportOptions) -> ImportedFiles:
    """Return the contents of the files, in their order, those of folders sorted.

    Raises DataError with the file and the line if something is not in the format.
    """
    module, imported = _module(name), ImportedFiles()
    for path in paths:
        for file in _files(path, module.ENDINGS):
            # a release has files of one name in many folders
            file_name = str(file.relative_to(path)) if file != path else file.name
            imported += module.read(file, options).first(options.top, file, file_name)
    return imported


def _module(name: str) -> ModuleType:
    return import_module(f"promptsearch.formats.{name.replace('-', '_')}")


def _files(path: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    """Yield the file; of a folder those with such an ending, at any depth, but no hidden ones."""
    if not path.is_dir():
        yield path
        return
    files = [file for file in sorted(path.rglob("*")) if file.is_file()]
    files = [
        file for file in files if not file.name.startswith(".") and file.name.endswith(endings)
    ]
    if not files:
        raise DataError.at(path, None, f"no file here ends in {' or '.join(endings)}")
    yield from files


def well_formed(location: Location, value: object) -> None:
    """Raise DataError if a JSON file cannot hold the value: NaN, half a character."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:  # UnicodeEncodeError is a ValueError
        raise location.error(f"a value that no JSON file can hold ({error}); correct it") from None


def shortened_json(value: object) -> str:
    """Return a value from a file as short text, however long or deep it is."""
    text = reprlib.repr(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
