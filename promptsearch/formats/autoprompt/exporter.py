"""Prompts for AutoPrompt: facts in LAMA's notation, others as arguments in JSON."""

import re
from collections.abc import Sequence
from pathlib import Path

from promptsearch.data.tasks.facts_reader import SUBJECT
from promptsearch.errors import ExportError
from promptsearch.formats.autoprompt.importer import template_of
from promptsearch.formats.export import ExportRequest
from promptsearch.formats.importing.contents import Location
from promptsearch.formats.shared.export_checks import (
    evidence_of,
    no_candidates,
    no_ensemble,
    published_as,
)
from promptsearch.formats.shared.lama_notation import to_lama, write_rows
from promptsearch.prompt import Field, Slot, Text, TextPart
from promptsearch.prompt_file.prompts_json import Json, SavedPrompt

NAME = "autoprompt"
_MARK = re.compile(r"\[[TPY]\]|\[CLS\]|\[SEP\]|</?s>")
ENDS = (
    "the template is without the tokens around it ([CLS] and [SEP], or <s> and </s>), which "
    "AutoPrompt wants there"
)


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a line a prompt; return notes.

    Raises ExportError if a prompt has several slots, several words a label, or [T] as text.
    """
    no_ensemble(request, "AutoPrompt")
    if request.kind.has_subject:
        rows = [{"relation": request.name, "template": to_lama(saved)} for saved in request.prompts]
        write_rows(into, rows)
        return [no_candidates(request)]
    lines = [_published(saved) or _row(saved) for saved in request.prompts]
    write_rows(into, lines)
    bare = any("initial_trigger" not in line for line in lines)
    words = "words are no tokens of a vocabulary yet: give --tokenize-labels"
    return [ENDS, words] if bare else []


def _published(saved: SavedPrompt) -> Json | None:
    """Return the arguments that the prompt was imported from, if it is still the same."""
    evidence = evidence_of(saved)
    trigger, label_map = evidence.get("initial_trigger"), evidence.get("label_map")
    labels = saved.prompt.verbalizer.labels
    if not isinstance(trigger, list) or not isinstance(label_map, dict):
        return None
    row = {"template": "", "initial_trigger": trigger, "label_map": label_map}
    names = {field: field for field in saved.prompt.template.fields}
    location = Location(Path(NAME))
    notation = published_as(
        saved, NAME, names, lambda notation: template_of(location, notation, row)
    )
    if notation is None or set(labels) != set(label_map):
        return None
    return {**row, "template": notation}


def _row(saved: SavedPrompt) -> Json:
    template, verbalizer = saved.prompt.template, saved.prompt.verbalizer
    if len(template.slots) > 1:
        raise ExportError(
            f"{saved.id}: AutoPrompt has one [P], but the template has {len(template.slots)} "
            "slots; openprompt and python hold that"
        )
    label_map = {}
    for label, answers in verbalizer.pairs:
        if len(answers) > 1:
            raise ExportError(
                f"{saved.id}: AutoPrompt takes several words of a label only as tokens of a "
                f"vocabulary, but {label!r} has {len(answers)} words; openprompt and pet hold them"
            )
        label_map[label] = answers[0][0][1]
    notation = "".join(_written(saved, part) for part in template.text_parts)
    return {"template": notation, "label_map": label_map}


def _written(saved: SavedPrompt, part: TextPart) -> str:
    match part:
        case Field(name):
            return f"{{{'sub_label' if name == SUBJECT else name}}}"
        case Slot():
            return "[P]"
        case Text(text):
            if marked := _MARK.search(text):
                raise ExportError(
                    f"{saved.id}: the template has {marked[0]} as text, which AutoPrompt would "
                    "take for a token; openprompt and text hold it"
                )
            return text.replace("{", "{{").replace("}", "}}")
