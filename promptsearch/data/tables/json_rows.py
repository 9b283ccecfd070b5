"""JSON as tables come in it: one object a line, a list of objects, or an object keyed by row.

Each value comes with the line it starts on. Whether it is an object is the table's business.
A file that is one value is read by `json_document`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from promptsearch.data.tables.strict_json import decoded, decoded_at
from promptsearch.errors import DataError
from promptsearch.files.read import open_text

_SPACE = re.compile(r"[ \t\n\r]*")


def json_lines(path: Path, encoding: str) -> Iterator[tuple[int, object]]:
    """Yield the values of a JSON lines file, streamed; blank lines are skipped."""
    for number, value in each_line(path, encoding):
        if isinstance(value, DataError):
            raise value
        yield number, value


def each_line(path: Path, encoding: str) -> Iterator[tuple[int, object]]:
    """Yield the same, with its error in the place of a line that is not JSON."""
    with open_text(path, encoding) as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield number, _parsed(path, number, line)


def json_values(path: Path, encoding: str) -> Iterator[tuple[int, object]]:
    """Yield the rows of a `.json` file in any of its three shapes; only JSON lines are streamed."""
    if _is_lines(path, encoding):
        yield from json_lines(path, encoding)
        return
    with open_text(path, encoding) as stream:
        text = stream.read()
    start = _space(text, 0)
    if start == len(text):
        raise DataError.at(path, None, "the file is empty; fetch it again")
    if text[start : start + 1] not in ("[", "{"):
        message = "not JSON rows; write an object a line, a list of objects or an object of them"
        raise DataError.at(path, _line(text, start), message)
    yield from _Container(path, text, start).items()


def json_document(path: Path, encoding: str) -> object:
    """Return the one value of a file; `DataError` names the line, or the key that stands twice."""
    with open_text(path, encoding) as stream:
        text = stream.read()
    if not text.strip():
        raise DataError.at(path, None, "the file is empty; fetch it again")
    try:
        return decoded(text)
    except json.JSONDecodeError as error:
        message = f"not valid JSON ({error.msg} at character {error.colno}); correct it there"
        raise DataError.at(path, error.lineno, message) from None
    except ValueError as error:
        raise DataError.at(path, None, f"not valid JSON ({error}); correct it") from None


def _is_lines(path: Path, encoding: str) -> bool:
    """Return whether the file has one object a line, or a single object that is itself a row."""
    with open_text(path, encoding) as stream:
        lines = (line for line in stream if line.strip())
        try:
            first = json.loads(next(lines, ""))
        except (ValueError, RecursionError):
            return False
        one_row = next(lines, None) is None
    if not isinstance(first, dict):
        return False
    return not (one_row and all(isinstance(value, dict) for value in first.values()))


def _parsed(path: Path, number: int, line: str) -> object:
    """Return the line's value, or what is wrong with it."""
    try:
        return decoded(line)
    except json.JSONDecodeError as error:
        problem = f"{error.msg} at character {error.colno}"
        message = f"not valid JSON ({problem}); each line must be one object, such as"
        return DataError.at(path, number, f'{message} {{"text": "..."}}')
    except ValueError as error:  # keys that stand twice, numbers and nesting beyond the limits
        return DataError.at(path, number, f"not valid JSON ({error}); correct the line")


class _Container:
    """Walks the outer list or object by hand, because `json.loads` forgets the lines."""

    def __init__(self, path: Path, text: str, start: int) -> None:
        self.path, self.text = path, text
        self.at = start
        self.keyed = text[start] == "{"
        self.keys: set[object] = set()
        self.line, self.counted = 1, 0

    def items(self) -> Iterator[tuple[int, object]]:
        close = "}" if self.keyed else "]"
        self._skip()
        while not self._takes(close):
            line = self._line()
            if self.keyed:
                self._key()
            yield line, self._value()
            if not self._takes(","):
                self._expect(close, "','")
                break
        if self.at < len(self.text):
            raise self._error("there is text after its end")

    def _key(self) -> None:
        if self.text[self.at : self.at + 1] != '"':
            raise self._error("expected a key in quotes")
        before, key = self.at, self._value()
        if key in self.keys:
            self.at = before
            raise self._error(f"the key {key!r} stands twice")
        self.keys.add(key)
        self._expect(":")

    def _skip(self) -> None:
        self.at = _space(self.text, self.at + 1)

    def _takes(self, mark: str) -> bool:
        if self.text[self.at : self.at + 1] != mark:
            return False
        self._skip()
        return True

    def _expect(self, mark: str, alternative: str = "") -> None:
        if not self._takes(mark):
            raise self._error(f"expected {alternative + ' or ' if alternative else ''}{mark!r}")

    def _value(self) -> object:
        try:
            value, end = decoded_at(self.text, self.at)
        except json.JSONDecodeError as error:
            self.at = error.pos
            raise self._error(error.msg) from None
        except ValueError as error:
            raise self._error(str(error)) from None
        self.at = _space(self.text, end)
        return value

    def _line(self) -> int:
        """The line of here; counted onwards from the last one, not from the start each time."""
        self.line += self.text.count("\n", self.counted, self.at)
        self.counted = max(self.at, self.counted)
        return self.line

    def _error(self, problem: str) -> DataError:
        column = self.at - self.text.rfind("\n", 0, self.at)
        message = f"not valid JSON ({problem} at character {column}); correct it there"
        return DataError.at(self.path, _line(self.text, self.at), message)


def _space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1
