"""Lines of AutoPrompt's files: facts in LAMA's notation, or templates with their trigger tokens."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from promptsearch.data.tables.json_rows import json_document
from promptsearch.data.tasks.facts_reader import SUBJECT
from promptsearch.errors import PromptError
from promptsearch.files.read import ENCODING, kind_of
from promptsearch.formats.autoprompt.tokens import read_trigger, spelled, texts_of
from promptsearch.formats.importing.contents import (
    ForeignTemplate,
    ForeignVerbalizer,
    ImportedFiles,
    ImportOptions,
    Location,
    shortened_json,
    well_formed,
)
from promptsearch.formats.shared.lama_notation import (
    MARKER,
    OBJECT,
    foreign_template,
    relation_of,
    rows,
)
from promptsearch.prompt import Field, Slot, Template, Text
from promptsearch.prompt_file.prompts_json import Json
from promptsearch.searchers.common.trigger_template import TriggerSlot, TriggerTemplate

SUBJECT_LABEL = "sub_label"  # what AutoPrompt calls the subject
_MARK = re.compile(r"\{\{|\}\}|\{(?P<field>\w+)\}|\[(?P<place>[TP])\]")
_BEFORE = re.compile(r"^(?:\[CLS\]|<s>)\s*")
_AFTER = re.compile(r"\s*(?:\[SEP\]|</s>)$")
_BETWEEN = re.compile(r"\s*(?:\[SEP\]|</s>)")


def read(path: Path, options: ImportOptions) -> ImportedFiles:
    """Return prompts for facts, or templates with [T] and [P] together with their words."""
    files = ImportedFiles()
    for location, row in _rows(path):
        files += _imported(location, row, options)
    return files


def _rows(path: Path) -> Iterator[tuple[Location, Json]]:
    """Yield the lines, or the one object of a JSON file."""
    if kind_of(path) != ".json":
        yield from rows(path, "template")
        return
    location, row = Location(path), json_document(path, ENCODING)
    if not isinstance(row, dict) or not isinstance(row.get("template"), str):
        raise location.error('there is no text "template"')
    well_formed(location, row)
    yield location, row


def _imported(location: Location, row: Json, options: ImportOptions) -> ImportedFiles:
    notation = str(row["template"])
    if OBJECT in notation or (MARKER.search(notation) and "[P]" not in notation):
        return ImportedFiles(
            (foreign_template(location, row, "template", relation_of(location, row)),), facts=True
        )
    template = _template(location, notation, row, options)
    facts = SUBJECT in template.template.fields
    words = _words(location, row) if "label_map" in row and not facts else None
    return ImportedFiles((template,), () if words is None else (words,), facts=facts)


def template_of(location: Location, notation: str, row: Json) -> Template:
    """Return the template with its tokens as text, by their marks alone."""
    return _template(location, notation, row, ImportOptions()).template


def _template(
    location: Location, notation: str, row: Json, options: ImportOptions
) -> ForeignTemplate:
    bare = _AFTER.sub("", _BEFORE.sub("", notation))
    lost = ["the separator between two texts is left out"] if _BETWEEN.search(bare) else []
    layout = _layout(location, _BETWEEN.sub("", bare))
    tokens = _tokens(location, row, layout.slot_count)
    reading = read_trigger(layout, tokens, options.model)
    if reading.round_trips is False:
        lost.append("the model reads the text of the trigger as other tokens")
    beside = {name: value for name, value in row.items() if name not in ("template", "relation")}
    return ForeignTemplate(
        location,
        reading.template or _spelt(location, layout, tokens),
        str(row.get("relation") or ""),
        _pattern(location) if "label_map" in row else "",
        evidence={**beside, "published": notation},
        lost=tuple(lost),
        round_trips=reading.round_trips,
        token_ids=reading.token_ids,
    )


def _layout(location: Location, notation: str) -> TriggerTemplate:
    """Return the template with holes; a token brings the space before it."""
    parts: list[Text | Field | Slot | TriggerSlot] = []
    end = 0
    for match in _MARK.finditer(notation):
        text = notation[end : match.start()]
        hole = match["place"] == "T"
        parts.append(_literal(location, text.removesuffix(" ") if hole else text))
        parts.append(TriggerSlot() if hole else _part(match))
        end = match.end()
    parts.append(_literal(location, notation[end:]))
    nonempty = tuple(part for part in parts if part != Text(""))
    if (slots := nonempty.count(Slot())) != 1:
        raise location.error(
            f"{notation!r} needs one [P], where the answer stands, but has {slots}"
        )
    try:
        return TriggerTemplate(nonempty)
    except PromptError as error:
        raise location.error(error) from None


def _literal(location: Location, text: str) -> Text:
    if lone := re.search(r"[{}]", text):
        raise location.error(f"a lone {lone[0]!r} in {text!r}; write {lone[0] * 2} for a brace")
    return Text(text)


def _part(match: re.Match[str]) -> Text | Field | Slot:
    if name := match["field"]:
        return Field(SUBJECT if name == SUBJECT_LABEL else name)
    return Slot() if match["place"] else Text(match[0][0])


def _tokens(location: Location, row: Json, count: int) -> Sequence[str]:
    tokens = row.get("initial_trigger", [])
    if not isinstance(tokens, list) or not all(isinstance(each, str) and each for each in tokens):
        raise location.error('"initial_trigger" must be a list of tokens')
    if len(tokens) != count:
        raise location.error(
            f"the template has {count} [T], but there are {len(tokens)} tokens; give a token for "
            'each of them in "initial_trigger"'
        )
    return tokens


def _spelt(location: Location, layout: TriggerTemplate, tokens: Sequence[str]) -> Template:
    """Return the template with the tokens as text, by their marks alone."""
    try:
        return spelled(layout, tokens)
    except PromptError as error:
        raise location.error(error) from None


def _words(location: Location, row: Json) -> ForeignVerbalizer:
    label_map = row["label_map"]
    if not isinstance(label_map, dict) or not label_map:
        raise location.error('"label_map" must be an object of labels, each with its tokens')
    every = {
        label: [tokens] if isinstance(tokens, str) else tokens
        for label, tokens in label_map.items()
    }
    for label, tokens in every.items():
        if (
            not isinstance(tokens, list)
            or not tokens
            or not all(isinstance(each, str) for each in tokens)
        ):
            raise location.error(
                f"the tokens of {label!r} are {shortened_json(tokens)}; write a list"
            )
    words = tuple(
        tuple(texts_of([each])[0].strip() for each in tokens) for tokens in every.values()
    )
    relation = str(row.get("relation") or "")
    return ForeignVerbalizer(location, words, tuple(every), relation, _pattern(location))


def _pattern(location: Location) -> str:
    """Return the pattern that ties a line's template to the words of the same line."""
    return f"{location.path}, line {location.line}"
