"""Markup in a text: `<e1>head</e1>` makes a field, and the text keeps the words."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from promptsearch.data.tables.rows import Row


@dataclass(frozen=True)
class Markup:
    """The tags a task names, each with the field it makes."""

    fields: Mapping[str, str] = field(default_factory=dict)  # tag -> field

    @cached_property
    def _tags(self) -> re.Pattern[str]:
        return re.compile(rf"</?(?:{'|'.join(map(re.escape, self.fields))})>")

    def plain(self, text: str) -> str:
        """Return the text without the tags; other tags are text.

        >>> Markup({"e1": "head"}).plain("the <e1>dog</e1> <b>barks</b>")
        'the dog <b>barks</b>'
        """
        return self._tags.sub("", text) if self.fields else text

    def marked_words(self, row: Row, columns: Iterable[str]) -> dict[str, str]:
        """Field -> marked words, from the first of `columns` that has the tag."""
        texts = [text for column in columns if (text := row.peek(column))]
        return {name: self._marked(row, tag, texts) for tag, name in self.fields.items()}

    def _marked(self, row: Row, tag: str, texts: Iterable[str]) -> str:
        pattern = re.compile(rf"<{re.escape(tag)}>(.*?)</{re.escape(tag)}>", re.DOTALL)
        for text in texts:
            match pattern.findall(text):
                case []:
                    continue
                case [words] if words := self.plain(words).strip():
                    return words
                case [_]:
                    raise row.error(f"<{tag}></{tag}> marks nothing; mark the words")
                case _:
                    raise row.error(f"<{tag}>...</{tag}> stands twice in one text; keep one")
        raise row.error(
            f"no text has <{tag}>...</{tag}>, which [markup] asks for; mark the words there"
        )
