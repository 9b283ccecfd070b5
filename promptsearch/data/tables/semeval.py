"""Text files of relation extraction: SemEval-2010 Task 8's blocks, and KnowPrompt's JSON lines.

A block is what the task's organisers publish: three lines, then a blank one.

    1<tab>"The <e1>child</e1> was wrapped into the <e2>cradle</e2>."
    Entity-Destination(e1,e2)
    Comment: ...
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from promptsearch.data.tables.json_rows import json_lines
from promptsearch.errors import DataError
from promptsearch.files.read import open_text

_SENTENCE = re.compile(r'\d+\t"?(?P<text>.*?)"?')
Line = tuple[int, str]


def text_rows(path: Path, encoding: str) -> Iterator[tuple[int, object]]:
    """Return the rows of a `.txt`, with their lines: JSON lines where it starts with a brace."""
    with open_text(path, encoding) as stream:
        first = next((line for line in stream if line.strip()), "")
    rows = json_lines if first.lstrip().startswith("{") else _blocks
    return rows(path, encoding)


def _blocks(path: Path, encoding: str) -> Iterator[tuple[int, object]]:
    with open_text(path, encoding) as stream:
        lines = ((number, line.strip()) for number, line in enumerate(stream, 1))
        for filled, block in groupby(lines, key=lambda line: bool(line[1])):
            if filled:
                yield _row(path, list(block))


def _row(path: Path, block: Sequence[Line]) -> tuple[int, object]:
    """Return the row with `text`, its tags kept, and `label`; the comment tells of the label."""
    (number, sentence), *others = block
    match = _SENTENCE.fullmatch(sentence)
    if match is None:
        raise DataError.at(
            path,
            number,
            f'{sentence[:40]!r} does not start a block of SemEval-2010 Task 8: a number, a tab, "a '
            'sentence"; the next line is its label. Tables end in .csv, .tsv, .jsonl ...',
        )
    if not others:
        raise DataError.at(path, number, "this sentence has no label; write it on the next line")
    for line, text in others[1:]:
        if not text.startswith("Comment"):
            message = f"{text[:40]!r} follows a label; write a blank line between blocks"
            raise DataError.at(path, line, message)
    return number, {"text": match["text"], "label": others[0][1]}
