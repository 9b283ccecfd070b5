"""CoNLL's columns: a word a line, its annotations in columns, a blank line after each sentence.

Columns are separated by tabs where the file's first word has one, else by spaces. `-DOCSTART-`
lines separate documents. Lines of `#` before a sentence are comments: always in CoNLL-U; elsewhere
`#` may be a word, and is one where its line reads like those of words.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

from promptsearch.errors import DataError, did_you_mean
from promptsearch.files.read import kind_of, open_text

CONLLU = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
_PLUS = re.compile(r"#\s*global\.columns\s*=(.*)")  # CoNLL-U Plus, on the first line
_COMMENT = re.compile(r"#(\s|$)")
_NO_WORD = re.compile(r"\d+[-.]\d+")  # ids of CoNLL-U: of several words together, of empty nodes
_DOCUMENT = "-DOCSTART-"

Column = int | str  # its number, from 1, or from -1 at the end; or its name
Line = tuple[int, str]
Cells = tuple[str, ...]


@dataclass(frozen=True)
class ColumnSentence:
    """The words of a sentence, each with its line and its cells, (word, column)."""

    lines: tuple[int, ...]
    cells: tuple[Cells, ...]

    def column(self, index: int) -> tuple[str, ...]:
        return tuple(cells[index] for cells in self.cells)


@dataclass(frozen=True)
class ColumnFile:
    """A file of columns, its lines read; `names` are those of the columns, () without any."""

    path: Path
    lines: tuple[Line, ...]
    names: tuple[str, ...]

    @property
    def is_conllu(self) -> bool:
        return kind_of(self.path) in (".conllu", ".conllup")

    @cached_property
    def _first(self) -> Line:
        """The first line that can only be a word's."""
        for number, text in self.lines:
            if not (_is_blank(text) or text.startswith((_DOCUMENT, "#"))):
                return number, text
        raise DataError.at(self.path, None, "there is no word in it; write a word a line")

    @cached_property
    def width(self) -> int:
        """The number of columns. Raises DataError if it is not that of the names."""
        number, text = self._first
        cells = self._split(text)
        if self.names and len(cells) != len(self.names):
            message = f"{_counted(len(cells))}, not the {len(self.names)} {', '.join(self.names)}"
            raise DataError.at(self.path, number, f"{message}; correct columns, or the file")
        return len(cells)

    def index(self, key: str, column: Column) -> int:
        """Return the index, from 0, of the column that a task file's `key` names.

        Raises DataError if there is none.
        """
        if isinstance(column, int):
            index = column - 1 if column > 0 else self.width + column
            if not 0 <= index < self.width:
                raise self._error(
                    f"{key} = {column}, but there are {_counted(self.width)}; correct it"
                )
            return index
        if not self.names:
            raise self._error(
                f'{key} = "{column}", but the columns have no names; write a number, 1 for the '
                'first and -1 for the last, or name all: columns = ["word", ...]'
            )
        if column not in self.names:
            known = f"{did_you_mean(column, self.names)}; they are {', '.join(self.names)}"
            raise self._error(f"{key}: there is no column {column!r}{known}; correct it")
        return self.names.index(column)

    def sentences(self, is_word: Callable[[Cells], bool]) -> Iterator[ColumnSentence]:
        """Yield the sentences; `is_word` says of a line that begins with # whether it is a word's.

        Raises DataError if a line has more columns than another, or fewer.
        """
        for words, block in groupby(self.lines, key=lambda line: not self._separates(line[1])):
            if words and (rows := list(self._words(block, is_word))):
                numbers, cells = zip(*rows, strict=True)
                yield ColumnSentence(numbers, cells)

    def _words(
        self, block: Iterable[Line], is_word: Callable[[Cells], bool]
    ) -> Iterator[tuple[int, Cells]]:
        in_sentence = False
        for number, text in block:
            if self._is_comment(text, in_sentence, is_word):
                continue
            in_sentence = True
            cells = self._split(text)
            if len(cells) != self.width:
                message = f"{_counted(len(cells))}, where the first word has {self.width}"
                way_out = "correct the line" if len(cells) > 1 else "end sentences by blank lines"
                raise DataError.at(self.path, number, f"{message}; {way_out}")
            if not (self.is_conllu and _NO_WORD.fullmatch(cells[0])):
                yield number, cells

    def _is_comment(self, text: str, in_sentence: bool, is_word: Callable[[Cells], bool]) -> bool:
        if self.is_conllu:
            return text.startswith("#")
        if in_sentence or not _COMMENT.match(text):
            return False
        cells = self._split(text)
        return len(cells) != self.width or not is_word(cells)

    def _separates(self, text: str) -> bool:
        return _is_blank(text) or self._split(text)[0] == _DOCUMENT

    def _split(self, text: str) -> Cells:
        if "\t" in self._first[1]:
            return tuple(text.split("\t"))
        return tuple(re.split(r"[ \t]+", text.strip(" \t")))  # not at spaces that are words

    def _error(self, problem: str) -> DataError:
        return DataError.at(self.path, self._first[0], problem)


def read_columns(path: Path, encoding: str, names: Sequence[str] = ()) -> ColumnFile:
    """Return a file of columns; `names` are theirs where the task file names them."""
    with open_text(path, encoding) as stream:
        lines = tuple((number, line.rstrip("\r\n")) for number, line in enumerate(stream, 1))
    if lines and "\r" in lines[0][1]:
        raise DataError.at(path, 1, "lines end in \\r alone; save the file with \\n or \\r\\n")
    return ColumnFile(path, lines, tuple(names) or _own_names(path, lines))


def _own_names(path: Path, lines: Sequence[Line]) -> tuple[str, ...]:
    """Return the names that the format gives: CoNLL-U's ten, or those of CoNLL-U Plus."""
    if kind_of(path) == ".conllu":
        return CONLLU
    if lines and (match := _PLUS.match(lines[0][1])):
        return tuple(match[1].split())
    return ()


def _is_blank(text: str) -> bool:
    return not text.strip(" \t")


def _counted(columns: int) -> str:
    return f"{columns} column" + ("" if columns == 1 else "s")
