"""Sentences of tagged words: CoNLL's columns, or rows with a list of words and a list of tags."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from promptsearch.data.examples import Example
from promptsearch.data.tables.conll import Cells, Column, ColumnFile, read_columns
from promptsearch.data.tables.rows import Row, TableFormat, read_rows
from promptsearch.data.tasks.tagged_sentence import (
    TEXT,
    Bounds,
    FileScheme,
    TaggedSentence,
    checked,
    is_file_tag,
    named_tags,
    text_of,
)
from promptsearch.errors import DataError
from promptsearch.files.read import kind_of

ROWS = (".jsonl", ".json", ".parquet")  # whatever ends otherwise has columns: .conll, .bio, .train
WORDS, TAGS = "tokens", "tags"  # the columns of rows by default
FORM = "FORM"  # CoNLL-U's column of words


@dataclass(frozen=True)
class TagsReader:
    """Reads any split of one task the same way; `layout.columns` may name CoNLL's columns."""

    choices: ClassVar[None] = None  # words have tags of the task
    labels_key: ClassVar[str] = "labels"  # of the task file
    layout: TableFormat
    words: Column | None = None  # None: the first, or FORM, or "tokens"
    tags: Column | None = None  # None: the last, or "tags"
    labels: tuple[str, ...] = ()  # as the task file lists them; (): any tag of the scheme
    scheme: FileScheme = "IOB2"

    def examples(self, paths: Sequence[Path]) -> tuple[Example, ...]:
        """Return the sentences of the files together; `DataError` names file and line."""
        return tuple(self.example(s, number) for number, s in enumerate(self.sentences(paths)))

    def example(self, sentence: TaggedSentence, number: int) -> Example:
        """Return a sentence as an example."""
        return sentence.example(number)

    def sentences(self, paths: Sequence[Path]) -> Iterator[TaggedSentence]:
        """Yield the same with their files and lines."""
        for path in paths:
            read = self._of_rows if kind_of(path) in ROWS else self._of_columns
            for sentence in read(path):
                yield checked(sentence, self.scheme, self.labels, self.labels_key)

    def untagged(self, paths: Sequence[Path]) -> tuple[Example, ...]:
        """Return the sentences as examples without tags: the files need not have any."""
        sentences = (words for path in paths for words in self._words_in(path))
        return tuple(
            Example(str(number), {TEXT: text_of(words)}, (), words)
            for number, words in enumerate(sentences)
        )

    def untagged_rows(self, path: Path) -> Iterator[Row]:
        """Yield CoNLL's sentences as rows with a list of words; the file needs no tags."""
        name = _name(self.words, WORDS)
        for number, words in enumerate(self._words_in(path), 1):
            yield Row(path, number, {name: list(words)})

    @property
    def columns(self) -> frozenset[str]:
        """The columns of rows that none may lack, its tags aside."""
        return frozenset([_name(self.words, WORDS)])

    def inputs_of(self, row: Row) -> dict[str, str]:
        """Return what a template may read of the row, which needs no tags."""
        return {TEXT: text_of(self.words_of(row))}

    def choices_of(self, row: Row) -> tuple[str, ...]:
        """Return (): words have tags of the task."""
        return ()

    def words_of(self, row: Row) -> tuple[str, ...]:
        """Return the words of a row, which needs no tags."""
        words = _texts(row, _name(self.words, WORDS))
        return _only_words(row.path, (row.line,), words).words

    def spans_of(self, row: Row, words: int) -> tuple[Bounds, ...] | None:
        """Return the spans that a row asks about; None: those that the task says of every row."""
        return None

    def _words_in(self, path: Path) -> Iterator[tuple[str, ...]]:
        if kind_of(path) in ROWS:
            yield from map(self.words_of, read_rows(path, TableFormat(encoding=self._encoding)))
            return
        file = self._file(path)
        index = self._index_of_words(file)
        blocks = file.sentences(lambda cells: True)
        sentences = [_only_words(path, block.lines, block.column(index)) for block in blocks]
        _refuse_numbers(sentences, index)
        yield from (sentence.words for sentence in sentences)

    @property
    def _encoding(self) -> str:
        return self.layout.encoding

    def _file(self, path: Path) -> ColumnFile:
        if kind_of(path) == ".csv":
            message = "a .csv has no sentences of words; give CoNLL columns, .jsonl or .parquet"
            raise DataError.at(path, None, message)
        return read_columns(path, self._encoding, self.layout.columns)

    def _of_rows(self, path: Path) -> Iterator[TaggedSentence]:
        if numbers := [each for each in (self.words, self.tags) if isinstance(each, int)]:
            message = f"it has named columns, but the task file names {numbers[0]}"
            raise DataError.at(path, None, f'{message}; write words = "{WORDS}", say')
        words, tags = _name(self.words, WORDS), _name(self.tags, TAGS)
        for row in read_rows(path, TableFormat(encoding=self._encoding)):
            try:
                named = named_tags(_listed(row, tags), self.labels)
            except ValueError as error:
                raise error if isinstance(error, DataError) else row.error(str(error)) from None
            texts = _texts(row, words)
            yield TaggedSentence(path, (row.line,), texts, named, self.spans_of(row, len(texts)))

    def _of_columns(self, path: Path) -> Iterator[TaggedSentence]:
        file = self._file(path)
        words, tags = self._indices(file)

        def is_word(cells: Cells) -> bool:
            return is_file_tag(cells[tags], self.scheme)

        sentences = [
            TaggedSentence(path, s.lines, s.column(words), s.column(tags))
            for s in file.sentences(is_word)
        ]
        _refuse_numbers(sentences, words)
        yield from sentences

    def _indices(self, file: ColumnFile) -> tuple[int, int]:
        """Return the columns of words and tags. Raises DataError if they are not two."""
        if self.tags is None and file.is_conllu:
            message = "CoNLL-U has no column of tags by default; name it in the task file"
            raise DataError.at(file.path, None, f'{message}: tags = "XPOS", say')
        words = self._index_of_words(file)
        tags = file.index("tags", -1 if self.tags is None else self.tags)
        if words == tags:
            message = f"words and tags are both column {words + 1} of {file.width}"
            raise DataError.at(file.path, None, f"{message}; name two, words = 1 and tags = 2, say")
        return words, tags

    def _index_of_words(self, file: ColumnFile) -> int:
        first: Column = FORM if FORM in file.names else 1
        return file.index("words", first if self.words is None else self.words)


def _only_words(path: Path, lines: tuple[int, ...], words: tuple[str, ...]) -> TaggedSentence:
    """Return a sentence whose words are checked; they stand for the tags that it has not."""
    return TaggedSentence(path, lines, words, words)


def _name(column: Column | None, default: str) -> str:
    """Return the name of a column of rows; a number is one of CoNLL's."""
    return column if isinstance(column, str) else default


def _refuse_numbers(sentences: Sequence[TaggedSentence], column: int) -> None:
    """Raise DataError if the words are their own numbers in the sentence: an id, as CoNLL-U's."""
    longer = [sentence for sentence in sentences if len(sentence.words) > 1]
    for start in (0, 1):
        if longer and all(_counts(sentence.words, start) for sentence in longer):
            message = f"column {column + 1} only counts the words"
            raise longer[0].error(0, f"{message}; name the column of the words, words = 2, say")


def _counts(words: Sequence[str], start: int) -> bool:
    return list(words) == [str(number) for number in range(start, start + len(words))]


def _listed(row: Row, column: str) -> list[object]:
    value = row.cell(column)
    if not isinstance(value, list | tuple):
        message = f"the column {column!r} must hold a list, one item a word, not {value!r:.40}"
        raise row.error(f"{message}; write words and tags as lists")
    return list(value)


def _texts(row: Row, column: str) -> tuple[str, ...]:
    values = _listed(row, column)
    if wrong := [value for value in values if not isinstance(value, str)]:
        raise row.error(f"the column {column!r} holds {wrong[0]!r:.40}, which is no word")
    return tuple(map(str, values))
