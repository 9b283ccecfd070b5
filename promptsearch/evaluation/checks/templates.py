"""Findings about one template: its fields, and how its slots meet the words around them."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from promptsearch.data import Split, TaskDefinition
from promptsearch.evaluation.checks.finding import Finding
from promptsearch.language.words import is_spaced
from promptsearch.prompt import Field, Option, Part, Slot, Template, Text
from promptsearch.prompt.template import notation_of

_TWO_SPACES = re.compile(r"\s +$|\t$")  # a line break alone is how many prompts end


def template_findings(
    template: Template, definition: TaskDefinition, splits: Sequence[Split], causal: bool
) -> Iterator[Finding]:
    """Yield findings without a tokenizer; `causal` models read from left to right."""
    yield from _inputs(template, definition, splits)
    if is_spaced(definition.language):
        yield from _touching(template)
    if causal:
        yield from _spaces(template)
        yield from _tail(template)


def _inputs(
    template: Template, definition: TaskDefinition, splits: Sequence[Split]
) -> Iterator[Finding]:
    for split in splits:
        for name in template.fields:
            if lacking := sum(name not in example.inputs for example in split.examples):
                yield Finding(
                    "error",
                    f"the template uses {{{name}}}, which {lacking} rows of {split.name} do not "
                    "have; fill them in or use another input",
                )
    if unused := [name for name in definition.inputs if name not in template.fields]:
        unused_fields = ", ".join(f"{{{name}}}" for name in unused)
        yield Finding("note", f"the template does not use {unused_fields}")


def _touching(template: Template) -> Iterator[Finding]:
    parts: list[Part | None] = [None, *template.parts, None]
    for before, slot, after in zip(parts, parts[1:], parts[2:], strict=False):
        if isinstance(slot, Slot) and not isinstance(slot, Option):
            sides = [_edge(before, -1), _edge(after, 0)]
            if word := next(filter(None, sides), None):
                yield Finding(
                    "note",
                    f"the slot {notation_of(slot)} touches {word!r}: they are read as one word; "
                    "put a space between them",
                )


def _edge(part: Part | None, end: int) -> str | None:
    """Return the word or field at one end of a part; None if a space or a sign is there."""
    match part:
        case Field():
            return notation_of(part)
        case Text(text) if text[end].isalnum():
            return text.split()[end]
    return None


def _spaces(template: Template) -> Iterator[Finding]:
    """Yield a warning if more than one space is before a slot.

    The first belongs to the answer's first token, a second one to none.
    """
    parts = template.parts
    for before, slot in pairwise(parts):
        if isinstance(slot, Slot) and isinstance(before, Text) and _TWO_SPACES.search(before.text):
            yield Finding(
                "warning",
                f"more than one space stands before {notation_of(slot)}: answers are split into "
                "other tokens there; leave one",
            )
    last = parts[-1]
    if isinstance(last, Text) and last.text[-1].isspace():
        yield Finding(
            "warning",
            "a space ends the template: a causal model scores it as a token after each answer; "
            "take it away",
        )


def _tail(template: Template) -> Iterator[Finding]:
    first = next(i for i, part in enumerate(template.parts) if isinstance(part, Slot))
    if template.parts[first + 1 :]:
        after = "".join(map(notation_of, template.parts[first + 1 :]))
        yield Finding(
            "note",
            f"{after!r} stands after the slot: a causal model passes once an answer, not once an "
            "example",
        )
