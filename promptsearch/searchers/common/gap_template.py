"""Templates with gaps, `[T]`, that a model fills with words.

By default they are LM-BFF's: the answer after the sentence or before it, or between
the two of a pair, a gap on both its sides. For facts, subject and object stand in both orders, and
with a gap before the subject, as manual templates have it ("The capital of France is Paris .").
The release also takes a pair's first full stop away and changes first letters; inputs stay here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptsearch.engine.strategy import Task
from promptsearch.errors import PromptError
from promptsearch.language.words import is_spaced
from promptsearch.prompt import (
    Field,
    Filled,
    Input,
    Option,
    Part,
    Separator,
    Slot,
    Template,
    Text,
)
from promptsearch.prompt.options import question_span
from promptsearch.prompt.template import check_slots_and_fields, filled_field, notation_of
from promptsearch.searchers.common.trigger_template import TriggerSlot, TriggerTemplate


@dataclass(frozen=True)
class Gap:
    """A gap for words, which bring the space before them."""


Contents = Sequence[tuple[Text | Slot, ...]]  # the words (or slots for them) of each gap


@dataclass(frozen=True)
class GapTemplate:
    """A template with gaps."""

    parts: tuple[Part | Gap, ...]

    @classmethod
    def parse(cls, notation: str) -> "GapTemplate":
        """Read a template's notation with [T] for each gap; several in a row are one."""
        parts: list[Part | Gap] = []
        for part in TriggerTemplate.parse(notation).parts:
            if not isinstance(part, TriggerSlot):
                parts.append(part)
            elif not (parts and isinstance(parts[-1], Gap)):
                parts.append(Gap())
        if Gap() not in parts:
            raise PromptError(
                f"the layout {notation!r} has no gap; write [T] where words may stand"
            )
        return cls(tuple(parts))

    def __repr__(self) -> str:
        """Return the text that ledger keys digest: its words are those of the first version."""
        return f"Frame(parts={self.parts!r})"

    def __str__(self) -> str:
        return "".join(" [T]" if isinstance(p, Gap) else notation_of(p) for p in self.parts)

    @property
    def gaps(self) -> int:
        """The number of gaps."""
        return sum(isinstance(part, Gap) for part in self.parts)

    @property
    def gaps_before(self) -> int:
        """The number of gaps before the first slot."""
        slot = next(i for i, part in enumerate(self.parts) if isinstance(part, Slot))
        return sum(isinstance(part, Gap) for part in self.parts[:slot])

    def template(self, texts: Sequence[str]) -> Template | None:
        """Return the template with a text in each gap; None if no notation says it."""
        remaining = iter(texts)
        parts: list[Part] = []
        for part in self.parts:
            text = Text(next(remaining)) if isinstance(part, Gap) else part
            at_start = not parts or isinstance(parts[-1], Separator)
            bare = isinstance(text, Text) and at_start
            parts.append(Text(text.text.lstrip()) if isinstance(text, Text) and bare else text)
        try:
            return Template(tuple(parts))
        except PromptError:
            return None

    def fill(
        self, contents: Contents, inputs: Mapping[str, str], answer: Mapping[str, str]
    ) -> Filled:
        """Return the text as a model reads it: the gaps' contents, an example's inputs, its answer.

        A slot without an answer stays one. Options are written one after the other, as a text.
        """
        remaining = iter(contents)
        filled: list[Text | Input | Slot] = []
        for part in self.parts:
            match part:
                case Gap():
                    filled += next(remaining)
                case Field(name):
                    filled.append(filled_field(name, inputs[name]))
                case Option(name) if name in answer:
                    filled.append(Text(f" {answer[name]} " if filled else f"{answer[name]} "))
                case Separator():
                    filled.append(Text(" "))
                case Slot(name):
                    filled.append(Text(answer[name]) if name in answer else part)
                case Text():
                    filled.append(part)
        return tuple(filled)


def gap_templates_for(layouts: Sequence[str], task: Task, ends: bool) -> list[GapTemplate]:
    """Return the user's layouts, or those that suit the task; PromptError if one does not fit.

    `ends`: a gap may stand at the end (else a full stop does).
    """
    gap_templates = [GapTemplate.parse(notation) for notation in layouts or _defaults(task, ends)]
    for gap_template in gap_templates:
        check_gap_template(gap_template, task.prompt.template, task.inputs)
    return gap_templates


def check_gap_template(gap_template: GapTemplate, manual: Template, inputs: Sequence[str]) -> None:
    """Raise PromptError if its slots are not those of the answers, or a field is no input."""
    check_slots_and_fields(
        f"the layout {str(gap_template)!r}", gap_template.parts, manual.slots, inputs
    )


def _defaults(task: Task, ends: bool) -> list[str]:
    spaced = is_spaced(task.language)
    gap, stop = (" [T]", " .") if spaced else ("[T]", "\u3002")
    end, space = gap if ends else stop, " " if spaced else ""
    fields, slots = task.prompt.template.fields, task.prompt.template.slots
    if task.prompt.template.has_options:
        return [_with_question_gap(task.prompt.template, gap)]
    names = [f"{{{name}}}" for name in fields]
    if task.slot_stands_last:
        return [
            f"{space.join(names)}{gap}{space}[Z]",
            f"{gap.lstrip()}{space}{space.join(names)}{gap}{space}[Z]",
        ]
    if len(slots) > 1 or len(names) > 2:
        return [_around(task.prompt.template, gap, space)]
    if task.kind.has_subject:
        (subject,) = names
        return [
            f"{subject}{gap}{space}[Z]{end}",
            f"[Z]{gap}{space}{subject}{end}",
            f"{gap.lstrip()}{space}{subject}{gap}{space}[Z]{end}",
        ]
    if len(names) == 2:
        return [f"{names[0]}{gap}{space}[Z]{gap}{space}{names[1]}"]
    return [f"{names[0]}{gap}{space}[Z]{end}", f"{gap.lstrip()}{space}[Z]{end}{space}{names[0]}"]


def _with_question_gap(template: Template, gap: str) -> str:
    """Return the template with options, its question a gap."""
    start, end = question_span(template.parts)
    before, after = template.parts[:start], template.parts[end + 1 if end > start else start :]
    return "".join([*map(notation_of, before), gap, "[SEP]", *map(notation_of, after)])


def _around(template: Template, gap: str, space: str) -> str:
    """Return the template with a gap for each of its texts; without any, before the first slot."""
    texts = any(isinstance(part, Text) for part in template.parts)
    slot = next(part for part in template.parts if isinstance(part, Slot))
    pieces = []
    for part in template.parts:
        if isinstance(part, Text) or (part == slot and not texts):
            pieces.append(gap)
        if not isinstance(part, Text):
            pieces.append(space + notation_of(part))
    return "".join(pieces).strip()
