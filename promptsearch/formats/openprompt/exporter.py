"""Prompts as OpenPrompt's templates and verbalizers: a file of each, in a folder."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from promptsearch.errors import ExportError
from promptsearch.files.write import write_atomic, write_lines
from promptsearch.formats.export import ExportRequest
from promptsearch.formats.importing.contents import Location
from promptsearch.formats.importing.input_names import with_spaces
from promptsearch.formats.openprompt.notation import template_of
from promptsearch.formats.openprompt.verbalizers import GLUED
from promptsearch.formats.shared.export_checks import (
    TEXTS,
    no_ensemble,
    published_as,
    renaming_note,
    split_pairs,
    text_names,
)
from promptsearch.prompt import Answer, Field, Slot, Text, TextPart
from promptsearch.prompt_file.prompts_json import SavedPrompt

NAME = "openprompt"
TEMPLATE, VERBALIZER = "template.txt", "verbalizer.json"
_PLAIN = re.compile(r" ?[^\s{}](?:[^\r\n{}]*[^\s{}])? ?| ")  # what parse_text gives back as it is

Names = Mapping[str, str]  # our input -> OpenPrompt's
Words = dict[str, list[str]]


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a line and a verbalizer a prompt; return notes.

    Raises ExportError if several slots have several answers.
    """
    no_ensemble(request, "OpenPrompt")
    names = text_names(request, NAME)
    pairs = [(_template(saved, names), _verbalizer(saved)) for saved in request.prompts]
    templates, verbalizers, notes = split_pairs(pairs)
    write_lines(into / TEMPLATE, [f"{line}\n" for line in templates])
    several = "[\n{}\n]" if len(verbalizers) > 1 else "{}"
    write_atomic(into / VERBALIZER, several.format(",\n".join(verbalizers)) + "\n")
    return [*renaming_note(names), *notes, *_notes(request), _use(request, into)]


def _template(saved: SavedPrompt, names: Names) -> str:
    """Return the template as published if it was imported, else in OpenPrompt's notation."""
    location = Location(Path(TEMPLATE))
    published = published_as(saved, NAME, names, lambda line: template_of(location, line)[0])
    return published or notation_of(saved.prompt.template.text_parts, names)


def notation_of(parts: Sequence[TextPart], names: Names) -> str:
    """Return the parts in OpenPrompt's notation, which `parse_text` reads as the same text."""
    following = [*parts[1:], None]
    return "".join(
        _written(part, after, names, first=index == 0)
        for index, (part, after) in enumerate(zip(parts, following, strict=True))
    )


def _written(part: TextPart, after: TextPart | None, names: Names, first: bool) -> str:
    match part:
        case Field(name):
            kind = "placeholder" if names[name] in TEXTS else "meta"
            return f'{{"{kind}": {json.dumps(names[name], ensure_ascii=False)}}}'
        case Slot():
            return '{"mask"}'
        case Text(text):
            return _text(text, after)


def _text(text: str, after: TextPart | None) -> str:
    """Return the text plain, or quoted if spaces, braces or line ends would not come back.

    OpenPrompt writes no space before a mask, as the word brings it: that one stays outside.
    """
    ends = text[-1].isspace() and after is None
    if _PLAIN.fullmatch(text) and not ends:
        return text
    space = " " if isinstance(after, Slot) and text.endswith(" ") else ""
    inside = text.removesuffix(space) if space else text
    quoted = json.dumps(inside, ensure_ascii=False).replace("{", "\\u007b").replace("}", "\\u007d")
    return f'{{"text": {quoted}}}{space}'


def _verbalizer(saved: SavedPrompt) -> str:
    return json.dumps(_words(saved), ensure_ascii=False, indent=1)


def _words(saved: SavedPrompt) -> Words:
    """Return label -> its words; with several slots, a word for each of them."""
    template, verbalizer = saved.prompt.template, saved.prompt.verbalizer
    glued = with_spaces(template) != template
    if len(template.slots) == 1:
        return {
            label: [_word(saved, text, glued) for ((_, text),) in answers]
            for label, answers in verbalizer.pairs
        }
    for label, answers in verbalizer.pairs:
        if len(answers) > 1 or len(answers[0]) < len(template.slots):
            raise ExportError(
                f"{saved.id}: OpenPrompt has one word for each of several slots, but {label!r} "
                f"has {'several answers' if len(answers) > 1 else 'a slot without one'}; python "
                "holds that"
            )
    return {label: _in_order(saved, answers[0]) for label, answers in verbalizer.pairs}


def _in_order(saved: SavedPrompt, answer: Answer) -> list[str]:
    words = dict(answer)
    return [_word(saved, words[slot], False) for slot in saved.prompt.template.slots]


def _word(saved: SavedPrompt, text: str, glued: bool) -> str:
    if GLUED in text:
        raise ExportError(
            f"{saved.id}: the answer {text!r} holds {GLUED}, which OpenPrompt takes for a mark; "
            "python and text hold it"
        )
    return f"{GLUED}{text}" if glued else text


def _notes(request: ExportRequest) -> Iterator[str]:
    answers = [
        answers_of_label
        for saved in request.prompts
        for _, answers_of_label in saved.prompt.verbalizer.pairs
    ]
    if any(len(answers_of_label) > 1 for answers_of_label in answers):
        yield "OpenPrompt takes the mean over a label's words, where probabilities add up here"
    if first := [s.id for s in request.prompts if isinstance(s.prompt.template.parts[0], Slot)]:
        yield f"{first[0]} begins with its slot: OpenPrompt puts a space before the word there"
    several = [saved for saved in request.prompts if len(saved.prompt.template.slots) > 1]
    if glued := [s.id for s in several if with_spaces(s.prompt.template) != s.prompt.template]:
        yield f"a slot of {glued[0]} stands right after something: its words get a space"
    yield "OpenPrompt scores the first token of a word that has several"


def _use(request: ExportRequest, into: Path) -> str:
    several = len(request.prompts[0].prompt.template.slots) > 1
    classes = "PTRTemplate, PTRVerbalizer" if several else "ManualTemplate, ManualVerbalizer"
    return f"read {into / TEMPLATE} and {into / VERBALIZER} with from_file of {classes}"
