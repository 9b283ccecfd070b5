"""The parts that templates and filled prompts consist of."""

from dataclasses import dataclass

from promptsearch.prompt.head import Head
from promptsearch.prompt.prefix import Prefix
from promptsearch.prompt.soft import Soft


@dataclass(frozen=True)
class Text:
    """The template's own words, joined to its neighbours exactly as written."""

    text: str


@dataclass(frozen=True)
class Field:
    """A named place for one of the example's inputs."""

    name: str


@dataclass(frozen=True)
class Slot:
    """A place the model fills with an answer."""

    name: str = "Z"


@dataclass(frozen=True)
class Option(Slot):
    """A slot before an option, [O1], [O2], ...: the model says there whether it is the right one.

    [O] stands for those of the choices of a row (`row_options`).

    Xu et al. (2022), UniMC, https://arxiv.org/abs/2210.08590, call it [O-MASK].
    """


@dataclass(frozen=True)
class Separator:
    """The model's token between two segments, [SEP]: after options, a question, a text."""

    token: int | None = None  # its id, once a model reads the text


@dataclass(frozen=True)
class Input:
    """A field once filled: an example's text. Whatever it holds, it is plain text."""

    name: str
    text: str


@dataclass(frozen=True)
class Trigger:
    """One token of the model's vocabulary by its id, which a white-box search changes.

    A template has none, for it is text: the space before a trigger belongs to its token.
    """

    token: int


class FixedText(str):
    """An input's text that is never cut: what it says is no example's, but every answer's name."""

    __slots__ = ()


OPTIONS = "options"  # the field that the choices fill where a task has no such column


def field_hint(name: str) -> str:
    """Return how a task comes to have a field that it lacks; "" if nothing else is known of it."""
    if name != OPTIONS:
        return ""
    return '; option_separator = ", " in the task file fills it with the labels or choices'


TextPart = Text | Field | Slot  # what words can say
WordPart = TextPart | Separator
Part = WordPart | Soft
FilledPart = Text | Input | Slot | Separator | Soft | Trigger | Prefix | Head
Filled = tuple[FilledPart, ...]  # what a model reads: never one marked string
