"""PET's `pvp.py`: which classes it has, and the patterns and words of each."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from promptsearch.errors import PromptError
from promptsearch.formats.importing.contents import (
    ForeignVerbalizer,
    ForeignTemplate,
    Location,
    well_formed,
)
from promptsearch.formats.pet.classes import File, tree_of
from promptsearch.formats.pet.expression_evaluator import Evaluator
from promptsearch.formats.pet.expression_values import (
    UnsupportedPython,
    PatternExample,
    PatternRaises,
    PatternString,
)
from promptsearch.prompt import Part, Slot, Template, Text
from promptsearch.prompt.template import notation_of

MOST = 100  # numbers of patterns that are tried
Found = tuple[tuple[ForeignTemplate, ...], tuple[ForeignVerbalizer, ...], tuple[str, ...]]


def classes_of(place: Location, code: str) -> Found:
    """Templates and verbalizers by class; notes on what could not be read.

    `DataError` where nothing could.
    """
    file = File({n.name: n for n in tree_of(place, code).body if isinstance(n, ast.ClassDef)})
    templates: list[ForeignTemplate] = []
    verbalizers: list[ForeignVerbalizer] = []
    notes: list[str] = []
    for name in file.classes:
        own = _Class(file, name, place)
        for number in own.numbers:
            try:
                found = own.template(number), own.answers(number)
            except PatternRaises:
                continue
            except (UnsupportedPython, RecursionError) as error:
                notes.append(f"{name}: cannot be read ({error}) and was left out")
                continue
            templates.append(found[0])
            verbalizers.append(found[1])
    if not templates:
        why = f": {notes[0]}" if notes else "; a class needs get_parts, verbalize and a VERBALIZER"
        raise place.error(f"it holds no pattern{why}")
    return tuple(templates), tuple(verbalizers), tuple(dict.fromkeys(notes))


@dataclass(frozen=True)
class _Class:
    """A class of the file, as a pattern-verbalizer pair."""

    file: File
    name: str
    place: Location

    @property
    def numbers(self) -> Sequence[int]:
        """The patterns' numbers: those that the methods compare with, and one more for `else`."""
        homes = [self.file.classes[name] for name in self.file.bases(self.name)]
        methods = [
            node for home in homes for node in home.body if isinstance(node, ast.FunctionDef)
        ]
        if not any(method.name == "get_parts" for method in methods):
            return ()
        nodes = [node for method in methods for node in ast.walk(method)]
        own = {n.value for n in nodes if isinstance(n, ast.Constant) and type(n.value) is int}
        able = {number for number in own if 0 <= number < MOST}
        return sorted({0, *able, max(able, default=0) + 1})

    def template(self, number: int) -> ForeignTemplate:
        evaluator = Evaluator(self.file, self.name, number)
        match evaluator.call("get_parts", PatternExample()):
            case (list(first), list(second)):
                parts = joined([_words(own) for own in (*first, *second)])
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
        well_formed(self.place, str(template))
        lost = tuple(dict.fromkeys(evaluator.lost))
        return ForeignTemplate(
            self.place, template, self.name, str(number), evidence=evidence, lost=lost
        )

    def answers(self, number: int) -> ForeignVerbalizer:
        evaluator = Evaluator(self.file, self.name, number)
        words = []
        for label in self._labels():
            said = evaluator.call("verbalize", PatternString((Text(label),) if label else ()))
            own = [_plain(each) for each in said] if isinstance(said, list) else []
            if not own:
                raise UnsupportedPython(f"no words for the label {label!r}")
            words.append(tuple(own))
        well_formed(self.place, [self._labels(), words])
        labels = self._labels()
        return ForeignVerbalizer(self.place, tuple(words), labels, self.name, str(number))

    def _labels(self) -> tuple[str, ...]:
        """The keys of the class's verbalizers, or of the nearest class's that has one."""
        for home in self.file.bases(self.name):
            own = [value for value in self.file.constants(home).values() if isinstance(value, dict)]
            if labels := [label for value in own for label in _keys(value)]:
                return tuple(dict.fromkeys(labels))
        raise UnsupportedPython("its answers are the example's own")


def joined(words: Sequence[PatternString]) -> tuple[Part, ...]:
    """The parts as PET reads them: a space before each, unless it has one, or is the first."""
    parts: list[Part] = []
    for own in words:
        if not own.parts:
            continue
        first = own.parts[0]
        if parts and not (isinstance(first, Text) and first.text[:1].isspace()):
            parts.append(Text(" "))
        parts += own.parts
    return tuple(parts)


def _words(value: object) -> PatternString:
    if not isinstance(value, PatternString):
        raise UnsupportedPython("a part that is no text")
    if odd := [p for p in value.parts if not isinstance(p, Text | Slot) and not _sayable(p)]:
        raise UnsupportedPython(f"the input {odd[0]}")
    return value


def _sayable(part: Part) -> bool:
    return re.fullmatch(r"\{\w+\}", notation_of(part)) is not None


def _plain(value: object) -> str:
    text = value.text if isinstance(value, PatternString) else value
    if not isinstance(text, str):
        raise UnsupportedPython("a word that is no text")
    return text


def _keys(value: Mapping[object, object]) -> Iterator[str]:
    """The labels of a verbalizer, or of several in it."""
    for key, own in value.items():
        if isinstance(own, dict):
            yield from _keys(own)
        elif isinstance(key, str) and isinstance(own, list | str):
            yield key
