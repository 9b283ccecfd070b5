"""The form of a soft prompt: where its vectors stand in a template, and what words they replace."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from promptsearch.errors import PromptError
from promptsearch.prompt import Field, Part, Separator, Slot, Soft, Template, Text
from promptsearch.prompt.options import question_span

Layout = Literal["words", "before", "after", "around", "template"]
Read = Callable[[str, str | None], list[int]]  # a text, what stands before it -> its tokens


@dataclass(frozen=True)
class SoftForm:
    """A template with soft parts without vectors, and the tokens that some of them replace."""

    template: Template
    words: dict[str, list[int]]  # by the name of a part


def form_of(template: Template, layout: Layout, length: int, family: str, read: Read) -> SoftForm:
    """Return the form: vectors in the places that the template marks, or as `layout` says.

    `words`: instead of the template's words and marks (OptiPrompt). `before`: in front of all
    (prompt tuning). `after`: behind all, or before the slot of a causal model, which answers there.
    `around`: the inputs and slots alone, with vectors before, between and behind them (P-tuning
    v1). With options, all but `words` are a segment right behind these. Raises PromptError if the
    template has no such place.
    """
    if layout == "template" or template.soft:
        if not template.soft:
            raise PromptError(
                f"the template {template.notation!r} marks no place for vectors; write [S1:5] "
                "where five of them shall stand, or choose another `places`"
            )
        return SoftForm(template, {})
    if layout == "words":
        return _of_words(template, family, read)
    return SoftForm(Template(tuple(_beside(template, layout, length, family == "causal"))), {})


def _of_words(template: Template, family: str, read: Read) -> SoftForm:
    """Return the template with as many vectors as each of its texts has tokens."""
    parts: list[Part] = []
    words: dict[str, list[int]] = {}
    for number, part in enumerate(template.parts):
        after = template.parts[number + 1 : number + 2]
        if not isinstance(part, Text) or not _may_be_soft(part.text, parts, after, family):
            parts.append(part)
            continue
        core = part.text.strip(" ")
        lead = part.text[: part.text.index(core)]
        trail = part.text[len(lead) + len(core) :]
        before = lead or ("" if parts else None)
        tokens = read(core, before)
        name = f"S{len(words) + 1}"
        words[name] = tokens
        parts += [Text(lead), Soft(name, len(tokens)), Text(trail)]
    if not words:
        raise PromptError(
            f"the template {template.notation!r} has no words that vectors could replace; choose "
            "other `places`"
        )
    return SoftForm(Template(tuple(parts)), words)


def _may_be_soft(text: str, before: Sequence[Part], after: Sequence[Part], family: str) -> bool:
    """Return whether vectors may stand for a text: a causal model predicts what follows its slot,
    and an input right behind a vector would be read as the end of a word."""
    if not text.strip(" ") or (family == "causal" and any(isinstance(p, Slot) for p in before)):
        return False
    return text.endswith(" ") or not any(isinstance(part, Field) for part in after)


def _beside(template: Template, layout: Layout, length: int, causal: bool) -> Iterator[Part]:
    """Yield the template's parts with groups of vectors about them."""
    parts = list(template.parts)
    if template.has_options:
        start, _ = question_span(parts)
        yield from (*parts[:start], Soft("S", length), Separator(), *parts[start:])
        return
    if layout == "around":
        yield from _around(template, length, causal)
        return
    if layout == "before":
        yield from (Soft("S", length), *_spaced(parts))
        return
    slot = next(i for i, part in enumerate(parts) if isinstance(part, Slot))
    end = slot if causal else len(parts)
    yield from _ended(parts[:end])
    yield Soft("S", length)
    yield from _spaced(parts[end:])


def _around(template: Template, length: int, causal: bool) -> Iterator[Part]:
    ended = False
    for number, part in enumerate(p for p in template.parts if isinstance(p, Field | Slot)):
        if not ended:
            yield from (Text(" " if number else ""), Soft(f"S{number + 1}", length), Text(" "))
        else:
            yield Text(" ")
        yield part
        ended |= causal and isinstance(part, Slot)
    if not ended:
        last = sum(isinstance(part, Field | Slot) for part in template.parts)
        yield from (Text(" "), Soft(f"S{last + 1}", length))


def _spaced(parts: Sequence[Part]) -> list[Part]:
    """Return the parts with a space before them, if there is anything."""
    starts = bool(parts) and isinstance(parts[0], Text) and parts[0].text.startswith(" ")
    return list(parts) if starts or not parts else [Text(" "), *parts]


def _ended(parts: Sequence[Part]) -> list[Part]:
    """Return the parts with a space behind them, if there is anything."""
    ends = bool(parts) and isinstance(parts[-1], Text) and parts[-1].text.endswith(" ")
    return list(parts) if ends or not parts else [*parts, Text(" ")]
