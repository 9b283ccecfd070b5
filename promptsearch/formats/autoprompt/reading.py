"""Lines of AutoPrompt's files: facts in LAMA's notation, or templates with their trigger tokens."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from promptsearch.data.tables.json_rows import json_document
from promptsearch.data.tasks.facts_reader import SUBJECT
from promptsearch.errors import PromptError
from promptsearch.files.reading import ENCODING, kind_of
from promptsearch.formats.autoprompt.tokens import read_trigger, spelled, texts_of
from promptsearch.formats.importing.contents import (
    ForeignVerbalizer,
    ForeignTemplate,
    ImportedFiles,
    ImportOptions,
    Location,
    shown,
    well_formed,
)
from promptsearch.formats.shared.lama_notation import MARKER, OBJECT, found, relation_of, rows
from promptsearch.prompt import Field, Slot, Template, Text
from promptsearch.prompt_file.prompts_json import Json
from promptsearch.searchers.common.trigger_template import TriggerSlot, TriggerTemplate

SUBJECT_LABEL = "sub_label"  # what AutoPrompt calls the subject
_MARK = re.compile(r"\{\{|\}\}|\{(?P<field>\w+)\}|\[(?P<place>[TP])\]")
_BEFORE = re.compile(r"^(?:\[CLS\]|<s>)\s*")
_AFTER = re.compile(r"\s*(?:\[SEP\]|</s>)$")
_BETWEEN = re.compile(r"\s*(?:\[SEP\]|</s>)")


def read(path: Path, given: ImportOptions) -> ImportedFiles:
    """Prompts for facts, or templates with [T] and [P] and with them their words."""
    found = ImportedFiles()
    for place, row in _rows(path):
        found += _one(place, row, given)
    return found


def _rows(path: Path) -> Iterator[tuple[Location, Json]]:
    """The lines, or the one object that a file may be."""
    if kind_of(path) != ".json":
        yield from rows(path, "template")
        return
    place, row = Location(path), json_document(path, ENCODING)
    if not isinstance(row, dict) or not isinstance(row.get("template"), str):
        raise place.error('there is no text "template"')
    well_formed(place, row)
    yield place, row


def _one(place: Location, row: Json, given: ImportOptions) -> ImportedFiles:
    notation = str(row["template"])
    if OBJECT in notation or (MARKER.search(notation) and "[P]" not in notation):
        return ImportedFiles((found(place, row, "template", relation_of(place, row)),), facts=True)
    template = _template(place, notation, row, given)
    facts = SUBJECT in template.template.fields
    words = _words(place, row) if "label_map" in row and not facts else None
    return ImportedFiles((template,), () if words is None else (words,), facts=facts)


def template_of(place: Location, notation: str, row: Json) -> Template:
    """The template, its tokens written as text by their marks alone."""
    return _template(place, notation, row, ImportOptions()).template


def _template(place: Location, notation: str, row: Json, given: ImportOptions) -> ForeignTemplate:
    bare = _AFTER.sub("", _BEFORE.sub("", notation))
    lost = ["the separator between two texts is left out"] if _BETWEEN.search(bare) else []
    layout = _layout(place, _BETWEEN.sub("", bare))
    tokens = _tokens(place, row, layout.slot_count)
    reading = read_trigger(layout, tokens, given.model)
    if reading.round_trips is False:
        lost.append("the model reads the text of the trigger as other tokens")
    beside = {name: value for name, value in row.items() if name not in ("template", "relation")}
    return ForeignTemplate(
        place,
        reading.template or _spelt(place, layout, tokens),
        str(row.get("relation") or ""),
        _pattern(place) if "label_map" in row else "",
        evidence={**beside, "published": notation},
        lost=tuple(lost),
        round_trips=reading.round_trips,
        token_ids=reading.token_ids,
    )


def _layout(place: Location, notation: str) -> TriggerTemplate:
    """The template with holes; a token brings the space before it."""
    parts: list[Text | Field | Slot | TriggerSlot] = []
    end = 0
    for match in _MARK.finditer(notation):
        text = notation[end : match.start()]
        hole = match["place"] == "T"
        parts.append(_literal(place, text.removesuffix(" ") if hole else text))
        parts.append(TriggerSlot() if hole else _part(match))
        end = match.end()
    parts.append(_literal(place, notation[end:]))
    kept = tuple(part for part in parts if part != Text(""))
    if (slots := kept.count(Slot())) != 1:
        raise place.error(f"{notation!r} needs one [P], where the answer stands, but has {slots}")
    try:
        return TriggerTemplate(kept)
    except PromptError as error:
        raise place.error(error) from None


def _literal(place: Location, text: str) -> Text:
    if lone := re.search(r"[{}]", text):
        raise place.error(f"a lone {lone[0]!r} in {text!r}; write {lone[0] * 2} for a brace")
    return Text(text)


def _part(match: re.Match[str]) -> Text | Field | Slot:
    if name := match["field"]:
        return Field(SUBJECT if name == SUBJECT_LABEL else name)
    return Slot() if match["place"] else Text(match[0][0])


def _tokens(place: Location, row: Json, count: int) -> Sequence[str]:
    tokens = row.get("initial_trigger", [])
    if not isinstance(tokens, list) or not all(isinstance(each, str) and each for each in tokens):
        raise place.error('"initial_trigger" must be a list of tokens')
    if len(tokens) != count:
        raise place.error(
            f"the template has {count} [T], but there are {len(tokens)} tokens; give a token for "
            'each of them in "initial_trigger"'
        )
    return tokens


def _spelt(place: Location, layout: TriggerTemplate, tokens: Sequence[str]) -> Template:
    """The tokens written as text, by their marks alone."""
    try:
        return spelled(layout, tokens)
    except PromptError as error:
        raise place.error(error) from None


def _words(place: Location, row: Json) -> ForeignVerbalizer:
    label_map = row["label_map"]
    if not isinstance(label_map, dict) or not label_map:
        raise place.error('"label_map" must be an object of labels, each with its tokens')
    every = {label: [own] if isinstance(own, str) else own for label, own in label_map.items()}
    for label, own in every.items():
        if not isinstance(own, list) or not own or not all(isinstance(each, str) for each in own):
            raise place.error(f"the tokens of {label!r} are {shown(own)}; write a list")
    words = tuple(tuple(texts_of([each])[0].strip() for each in own) for own in every.values())
    relation = str(row.get("relation") or "")
    return ForeignVerbalizer(place, words, tuple(every), relation, _pattern(place))


def _pattern(place: Location) -> str:
    """A template has the words of its own line."""
    return f"{place.path}, line {place.line}"
