"""A sentence whose words have tags, with where it was read; its mistakes are blamed there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from promptsearch.data.examples import Example
from promptsearch.errors import DataError, brief, did_you_mean, listed
from promptsearch.files.read import is_whole
from promptsearch.language.spans import OUTSIDE, Scheme, iob2_of_iob1, is_tag, type_of

FileScheme = Literal["IOB2", "IOB1", "IOBES"]  # of files; IOB1 is read as IOB2
Bounds = tuple[int, int]  # a span's first word, and the one after its last
TEXT = "text"  # the input of every template: the words with spaces between them
_FORMS = {
    "IOB2": "O, B-TYPE or I-TYPE",
    "IOB1": "O, B-TYPE or I-TYPE",
    "IOBES": "O, B-TYPE, I-TYPE, E-TYPE or S-TYPE",
}


@dataclass(frozen=True)
class TaggedSentence:
    """Words, and a tag for each; `lines` has one of each word, or of a row that holds them all.

    Raises DataError if there are no words, a word is no text, or tags are too many or too few.
    """

    path: Path
    lines: tuple[int, ...]
    words: tuple[str, ...]
    tags: tuple[str, ...]
    spans: tuple[Bounds, ...] | None = None  # that are asked about, where the row names them

    def __post_init__(self) -> None:
        if not self.words:
            raise self.error(0, "the sentence has no words; fill it in or remove it")
        if len(self.words) != len(self.tags):
            message = f"{len(self.words)} words and {len(self.tags)} tags"
            raise self.error(0, f"{message}; give each word one tag")
        for index, word in enumerate(self.words):
            if not word.strip():
                raise self.error(index, f"word {index + 1} is empty; fill it in or remove it")
            if not is_whole(word):
                raise self.error(index, f"word {index + 1} holds half a surrogate pair")

    def error(self, index: int, message: str) -> DataError:
        """Return an error about the word with this index."""
        return DataError.at(self.path, self.lines[min(index, len(self.lines) - 1)], message)

    def example(self, number: int) -> Example:
        """Return the sentence as an example.

        Its targets are its distinct tags but O, sorted; O where it has no other: so a sentence is
        counted once for each tag that it can teach, and splits are stratified by the first.
        """
        distinct = sorted({*self.tags} - {OUTSIDE}) or [OUTSIDE]
        inputs = {TEXT: text_of(self.words)}
        targets = tuple(distinct)
        return Example(str(number), inputs, targets, self.words, self.tags, spans=self.spans)


def text_of(words: Sequence[str]) -> str:
    """Return the words with single spaces between them; a space inside a word does not break."""
    return " ".join(re.sub(r"\s", "\u00a0", word) for word in words)


def scheme_of(scheme: FileScheme) -> Scheme:
    """Return the scheme of tags once they are read."""
    return "IOBES" if scheme == "IOBES" else "IOB2"


def is_file_tag(tag: str, scheme: FileScheme) -> bool:
    """Return whether files of the scheme have such a tag."""
    return is_tag(tag, scheme_of(scheme))


def checked(
    sentence: TaggedSentence, scheme: FileScheme, labels: Sequence[str], key: str = "labels"
) -> TaggedSentence:
    """Return the sentence with its tags in IOB2 or IOBES.

    Raises DataError at a tag that is none of the scheme, or none of `labels` where there are any;
    `key` is where the task file has them.
    """
    known = {OUTSIDE, *labels} if labels else ()
    for index, tag in enumerate(sentence.tags):
        if not is_file_tag(tag, scheme):
            raise sentence.error(index, no_tag(tag, scheme))
        if known and tag not in known:
            near = did_you_mean(tag, labels)
            message = f"the tag {tag!r} is none of {key}{near}: {listed(labels)}"
            raise sentence.error(index, f"{message}; correct the row, or add it to {key}")
    if scheme != "IOB1":
        return sentence
    return replace(sentence, tags=tuple(iob2_of_iob1(sentence.tags)))


def no_tag(tag: str, scheme: FileScheme) -> str:
    """Return what is wrong with a tag: most often the column is another one, or the scheme."""
    problem = f"{brief(repr(tag))} is no tag of {scheme}, which has {_FORMS[scheme]}"
    if scheme != "IOBES" and is_tag(tag, "IOBES"):
        return f'{problem}; write scheme = "IOBES" in the task file'
    return f"{problem}; name the column of the tags, tags = ..., or correct it"


def named_tags(values: Sequence[object], labels: Sequence[str]) -> tuple[str, ...]:
    """Return tags as texts; a number counts `labels` from 0. Raises ValueError with the reason."""
    return tuple(_named(value, labels) for value in values)


def _named(value: object, labels: Sequence[str]) -> str:
    if isinstance(value, str):
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{brief(repr(value))} is no tag; write a text, such as B-PER")
    if not labels:
        raise ValueError(
            'its tags are numbers; name them in the task file: labels = ["O", "B-PER", ...]'
        )
    if not 0 <= value < len(labels):
        raise ValueError(f"there is no tag {value}: labels has 0 to {len(labels) - 1}; correct one")
    return labels[value]


def tag_labels(declared: Sequence[str], *splits: Sequence[Example]) -> tuple[str, ...]:
    """Return the tags of a task, O first: those of the task file, then those of the examples.

    The latter stand by their type, B before I before others, whatever the order of rows.

    >>> example = Example("0", {}, ("B-PER",), ("Ann",), ("B-PER",))
    >>> tag_labels(["I-LOC", "B-LOC"], [example])
    ('O', 'I-LOC', 'B-LOC', 'B-PER')
    """
    seen = {tag for split in splits for example in split for tag in example.tags} - {OUTSIDE}
    ordered = sorted(seen, key=lambda tag: (type_of(tag), "BIES".index(tag[0])))
    return tuple(dict.fromkeys([OUTSIDE, *declared, *ordered]))
