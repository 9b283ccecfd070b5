"""The classes of PET's `pvp.py`, with their patterns and words."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from promptsearch.errors import PromptError
from promptsearch.formats.importing.contents import (
    ForeignTemplate,
    ForeignVerbalizer,
    Location,
    well_formed,
)
from promptsearch.formats.pet.classes import File, tree_of
from promptsearch.formats.pet.expression_evaluator import Evaluator
from promptsearch.formats.pet.expression_values import (
    PatternExample,
    PatternRaises,
    PatternString,
    UnsupportedPython,
)
from promptsearch.prompt import Part, Slot, Template, Text
from promptsearch.prompt.template import notation_of

MOST = 100  # numbers of patterns that are tried
Found = tuple[tuple[ForeignTemplate, ...], tuple[ForeignVerbalizer, ...], tuple[str, ...]]


def classes_of(location: Location, code: str) -> Found:
    """Return templates and verbalizers by class, and notes on unreadable classes.

    Raises DataError if no class can be read.
    """
    file = File({n.name: n for n in tree_of(location, code).body if isinstance(n, ast.ClassDef)})
    templates: list[ForeignTemplate] = []
    verbalizers: list[ForeignVerbalizer] = []
    notes: list[str] = []
    for name in file.classes:
        pattern_class = _Class(file, name, location)
        for number in pattern_class.numbers:
            try:
                template_and_answers = pattern_class.template(number), pattern_class.answers(number)
            except PatternRaises:
                continue
            except (UnsupportedPython, RecursionError) as error:
                notes.append(f"{name}: cannot be read ({error}) and was left out")
                continue
            templates.append(template_and_answers[0])
            verbalizers.append(template_and_answers[1])
    if not templates:
        why = f": {notes[0]}" if notes else "; a class needs get_parts, verbalize and a VERBALIZER"
        raise location.error(f"it holds no pattern{why}")
    return tuple(templates), tuple(verbalizers), tuple(dict.fromkeys(notes))


@dataclass(frozen=True)
class _Class:
    """Class of the file, as a pattern-verbalizer pair."""

    file: File
    name: str
    location: Location

    @property
    def numbers(self) -> Sequence[int]:
        """Numbers of the patterns: those that methods compare with, and one more for `else`."""
        homes = [self.file.classes[name] for name in self.file.bases(self.name)]
        methods = [
            node for home in homes for node in home.body if isinstance(node, ast.FunctionDef)
        ]
        if not any(method.name == "get_parts" for method in methods):
            return ()
        nodes = [node for method in methods for node in ast.walk(method)]
        compared_numbers = {
            n.value for n in nodes if isinstance(n, ast.Constant) and type(n.value) is int
        }
        allowed = {number for number in compared_numbers if 0 <= number < MOST}
        return sorted({0, *allowed, max(allowed, default=0) + 1})

    def template(self, number: int) -> ForeignTemplate:
        evaluator = Evaluator(self.file, self.name, number)
        match evaluator.call("get_parts", PatternExample()):
            case (list(first), list(second)):
                parts = joined([_words(piece) for piece in (*first, *second)])
            case None:
                raise PatternRaises
            case _:
                raise UnsupportedPython("get_parts, which returns no two lists")
        if second:
            evaluator.lost.append("PET parts its two segments")
        try:
            template = Template(parts)
        except PromptError as error:
            raise UnsupportedPython(str(error)) from None
        evidence = {"pattern": number, "class": self.name}
        well_formed(self.location, template.notation)
        lost = tuple(dict.fromkeys(evaluator.lost))
        return ForeignTemplate(
            self.location, template, self.name, str(number), evidence=evidence, lost=lost
        )

    def answers(self, number: int) -> ForeignVerbalizer:
        evaluator = Evaluator(self.file, self.name, number)
        words = []
        for label in self._labels():
            answer = evaluator.call("verbalize", PatternString((Text(label),) if label else ()))
            words_of_label = [_plain(each) for each in answer] if isinstance(answer, list) else []
            if not words_of_label:
                raise UnsupportedPython(f"no words for the label {label!r}")
            words.append(tuple(words_of_label))
        well_formed(self.location, [self._labels(), words])
        labels = self._labels()
        return ForeignVerbalizer(self.location, tuple(words), labels, self.name, str(number))

    def _labels(self) -> tuple[str, ...]:
        """Return the keys of the verbalizers of the class, or of its nearest base with one."""
        for home in self.file.bases(self.name):
            mappings = [
                value for value in self.file.constants(home).values() if isinstance(value, dict)
            ]
            if labels := [label for value in mappings for label in _keys(value)]:
                return tuple(dict.fromkeys(labels))
        raise UnsupportedPython("its answers are the example's own")


def joined(words: Sequence[PatternString]) -> tuple[Part, ...]:
    """Return the parts as PET reads them: a space before each but the first, unless it has one."""
    parts: list[Part] = []
    for piece in words:
        if not piece.parts:
            continue
        first = piece.parts[0]
        if parts and not (isinstance(first, Text) and first.text[:1].isspace()):
            parts.append(Text(" "))
        parts += piece.parts
    return tuple(parts)


def _words(value: object) -> PatternString:
    if not isinstance(value, PatternString):
        raise UnsupportedPython("a part that is no text")
    if unreadable := [p for p in value.parts if not isinstance(p, Text | Slot) and not _sayable(p)]:
        raise UnsupportedPython(f"the input {unreadable[0]}")
    return value


def _sayable(part: Part) -> bool:
    return re.fullmatch(r"\{\w+\}", notation_of(part)) is not None


def _plain(value: object) -> str:
    text = value.text if isinstance(value, PatternString) else value
    if not isinstance(text, str):
        raise UnsupportedPython("a word that is no text")
    return text


def _keys(value: Mapping[object, object]) -> Iterator[str]:
    """Yield the labels of a verbalizer, or of several in it."""
    for key, answer in value.items():
        if isinstance(answer, dict):
            yield from _keys(answer)
        elif isinstance(key, str) and isinstance(answer, list | str):
            yield key
