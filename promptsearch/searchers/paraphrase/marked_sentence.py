"""A template as a plain sentence that translators and rewriters can read, and back.

Fields and slots become marks; a sentence that comes back must hold each of them exactly once. The
fields at the ends of a labelled task's template are texts of their own and stay outside.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from promptsearch.errors import PromptError
from promptsearch.prompt import Field, Part, Slot, Template, Text

MARKS = (  # for fields, and for slots; LPAQA's come first
    (("[X]", "[W]", "[V]"), ("[Y]", "[Q]", "[R]", "[S]", "[U]")),
    (("X", "W", "V"), ("Y", "Q", "R", "S", "U")),
    (("Alice", "Carol", "Emma"), ("Bob", "David", "Frank", "Henry", "James")),
)
Marks = tuple[Sequence[str], Sequence[str]]


class PlaceholderLost(Exception):
    """The reason why a sentence is no template; counted, and reported once."""


@dataclass(frozen=True)
class Sentence:
    """The part of a template that is put in other words, and the parts around it."""

    before: tuple[Part, ...]
    parts: tuple[Part, ...]
    after: tuple[Part, ...]

    @classmethod
    def of(cls, template: Template, whole: bool) -> "Sentence":
        """Return the sentence of a template; if `whole`, with the fields at its ends."""
        parts = template.parts
        start, stop = 0, len(parts)
        while not whole and _outside(parts[start]):
            start += 1
        while not whole and _outside(parts[stop - 1]):
            stop -= 1
        return cls(parts[:start], parts[start:stop], parts[stop:])

    @cached_property
    def has_words(self) -> bool:
        """True if there are words to replace."""
        return any(isinstance(p, Text) and re.search(r"\w", p.text) for p in self.parts)

    def to_text(self, marks: Marks) -> str:
        """Return the sentence with marks for its fields and slots."""
        mark_of = self._mark_of_part(marks)
        pieces = (p.text if isinstance(p, Text) else mark_of[p] for p in self.parts)
        return "".join(pieces).strip()

    def marked_text(self, marks: Marks, rejected: Counter[str]) -> str:
        """Return `to_text`, or "" without words or, counted as rejected, with too few marks."""
        try:
            return self.to_text(marks) if self.has_words else ""
        except PlaceholderLost as lost:
            rejected[str(lost)] += 1
            return ""

    def to_template(self, text: str, marks: Marks) -> Template:
        """Return the template of a sentence with these marks; PlaceholderLost if there is none."""
        part_of = {mark: part for part, mark in self._mark_of_part(marks).items()}
        for mark, part in part_of.items():
            count, expected = len(_mark_pattern(mark).findall(text)), self.parts.count(part)
            if count != expected:
                raise PlaceholderLost(
                    "a place was lost" if count < expected else "a place came twice"
                )
        pattern = "|".join(f"({_mark_pattern(mark).pattern})" for mark in part_of)
        parts: list[Part] = []
        end = 0
        for match in re.finditer(pattern, text):
            parts += [Text(text[end : match.start()]), part_of[match[0]]]
            end = match.end()
        return self._template([*parts, Text(text[end:])])

    def _template(self, parts: Sequence[Part]) -> Template:
        """Return the template with the parts around the sentence, and the space at its ends."""
        first, last = self.parts[0], self.parts[-1]
        space_before = (
            first.text[: -len(first.text.lstrip()) or None] if isinstance(first, Text) else ""
        )
        space_after = last.text[len(last.text.rstrip()) :] if isinstance(last, Text) else ""
        try:
            return Template(
                (*self.before, Text(space_before), *parts, Text(space_after), *self.after)
            )
        except PromptError as error:
            raise PlaceholderLost("no notation says it") from error

    def _mark_of_part(self, marks: Marks) -> dict[Part, str]:
        """Return the mark of each field and slot; PlaceholderLost if there are too few marks."""
        fields = dict.fromkeys(part for part in self.parts if isinstance(part, Field))
        slots = dict.fromkeys(part for part in self.parts if isinstance(part, Slot))
        if len(fields) > len(marks[0]) or len(slots) > len(marks[1]):
            raise PlaceholderLost("it has too many places")
        marked: dict[Part, str] = dict(zip(fields, marks[0], strict=False))
        return marked | dict(zip(slots, marks[1], strict=False))


def _outside(part: Part) -> bool:
    return isinstance(part, Field) or (isinstance(part, Text) and not part.text.strip())


def _mark_pattern(mark: str) -> re.Pattern[str]:
    """Return the pattern of the mark as a word by itself."""
    return re.compile(rf"(?<![\w\[]){re.escape(mark)}(?![\w\]])")
