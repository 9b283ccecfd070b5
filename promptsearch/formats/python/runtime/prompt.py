"""A prompt: a template with columns and slots, and the answers that stand for each label."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

Row = Mapping[str, str]  # column -> text
Answer = Mapping[str, str]  # slot -> text; a slot may be left out
PRIVATE = uuid4().hex  # begins names of tokens, which no text can spell
PREFIX_END = 10**9  # a row of no table: where a text goes on that a prefix has begun


@dataclass(frozen=True)
class Field:
    """The place of a column in a template."""

    name: str


@dataclass(frozen=True)
class Slot:
    """The place in a template where the model answers."""

    name: str


@dataclass(frozen=True)
class SoftPart:
    """The place in a template of some trained vectors, each of which stands for a word."""

    first: int  # row of the table of vectors
    length: int

    @property
    def names(self) -> str:
        """The names of the soft tokens; that of row i has the id -1 - i."""
        return "".join(f"{PRIVATE}<{-1 - self.first - i}>" for i in range(self.length))


@dataclass(frozen=True)
class SeparatorPart:
    """The place of the token between two segments: the options, a question, a text."""


@dataclass(frozen=True)
class PrefixPart:
    """Keys and values before a text, by the names of their tensors."""

    tensors: Mapping[str, str]  # attention -> (layer, key | value, head, position, size)
    layers: Sequence[int]  # of the model, from 0
    length: int
    continues: bool = False  # whether it has what texts begin with, too


@dataclass(frozen=True)
class HeadPart:
    """A linear layer that reads a state of the model, by the names of its tensors."""

    weight: str  # (label, hidden)
    bias: str  # (label,)
    reads: str  # "cls", the first token's state, or "mask", that at which an answer is read
    slotless: bool = False  # the template has a slot here, but none in truth


@dataclass(frozen=True)
class Prompt:
    """A template and its answers, with what an ensemble and calibration know of it."""

    template: Sequence[str | Field | Slot | SoftPart | SeparatorPart]
    labels: Mapping[str, Sequence[Answer]]
    weight: float = 1.0  # in an ensemble
    prior: Sequence[float] = ()  # log p to subtract, of each label (pmi: of each answer)
    prefix: PrefixPart | None = None
    head: HeadPart | None = None  # its labels have an answer each, which only marks the slot
    no: str = ""  # the word that each label's score is against, at the label's slot

    @property
    def answers(self) -> list[Answer]:
        """The answers of all labels, in order; then `no` at the slot of each."""
        answers = [answer for answers in self.labels.values() for answer in answers]
        slots = [slot for each in self.labels.values() for slot in each[0]] if self.no else []
        return answers + [{slot: self.no} for slot in slots]

    @property
    def has_options(self) -> bool:
        """Whether the slots stand before options, which a separator ends."""
        return any(isinstance(part, SeparatorPart) for part in self.template)

    @property
    def prefix_length(self) -> int:
        """How many positions stand before the text."""
        return self.prefix.length if self.prefix else 0

    @property
    def slots(self) -> dict[int, str]:
        """The slots' names by their index in the template."""
        return {i: part.name for i, part in enumerate(self.template) if isinstance(part, Slot)}

    @property
    def fields(self) -> dict[int, str]:
        """The columns' names by their index in the template."""
        return {i: part.name for i, part in enumerate(self.template) if isinstance(part, Field)}

    def fill(self, row: Row, slots: Mapping[str, str]) -> list[str]:
        """Return the text of each part; a slot that `slots` leaves out is empty."""
        texts = []
        for part in self.template:
            match part:
                case Field(name):
                    texts.append(row[name])
                case Slot(name):
                    texts.append(slots.get(name, ""))
                case SoftPart():
                    texts.append(part.names)
                case str():
                    texts.append(part)
        return texts


def read_candidates(file: str, slot: str) -> dict[str, list[Answer]]:
    """Read candidates, which are labels and answers in one, from a JSON file beside this one."""
    texts = json.loads(Path(__file__).with_name(file).read_text(encoding="utf-8"))
    return {text: [{slot: text}] for text in texts}
