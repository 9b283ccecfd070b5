"""Rule files of PTR and KnowPrompt: a word for each slot of a label.

Han et al. (2021), https://arxiv.org/abs/2105.11259, https://github.com/thunlp/PTR
A line is a number, a label and its words, tabs between; `rel2id.json` is the order of the labels.
The template is in PTR's code: "{text} the [Z1] {head} [Z2] [Z3] [Z4] the [Z5] {tail}".
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from promptsearch.data.tables.json_rows import json_document
from promptsearch.data.tasks.ptr_rules import Rule, rule_lines
from promptsearch.errors import ExportError
from promptsearch.files.read import ENCODING, kind_of
from promptsearch.files.write import write_lines
from promptsearch.formats.export import ExportRequest
from promptsearch.formats.importing.contents import (
    ForeignTemplate,
    ForeignVerbalizer,
    ImportedFiles,
    ImportOptions,
    Location,
    well_formed,
)
from promptsearch.formats.shared.export_checks import no_ensemble
from promptsearch.prompt import Template
from promptsearch.prompt_file.prompts_json import SavedPrompt
from promptsearch.searchers.answers.decompose.entity_templates import PTR, several

ENDINGS = (".txt", ".tsv", ".json")
INPUTS = ("text", "head", "tail")


def read(path: Path, options: ImportOptions) -> ImportedFiles:
    """Return the rules, with PTR's template unless the options have one, or the order of labels."""
    location = Location(path)
    if kind_of(path) == ".json":
        return ImportedFiles(labels=_order(location))
    rules = list(rule_lines(path))
    width = len(rules[0].words)
    task = options.task
    suits = task is not None and len(task.prompt.template.slots) == width
    templates: tuple[ForeignTemplate, ...] = ()
    if width > 2 and not options.templates and not suits:
        templates = (ForeignTemplate(location, Template.parse(several(PTR, width))),)
    return ImportedFiles(templates, (_answers(location, rules),), positions=INPUTS)


def write(request: ExportRequest, into: Path) -> Sequence[str]:
    """Write a rule a label and answer; return notes.

    Raises ExportError if an answer lacks a slot, or has tabs.
    """
    no_ensemble(request, "PTR")
    saved = request.prompts[0]
    lines = [_line(saved, row) for row in _rows(saved)]
    write_lines(into, lines)
    template = saved.prompt.template
    notes = []
    if template.notation != several(PTR, len(template.slots)):
        notes.append(f"the template is not in the file: {template}")
    if len(request.prompts) > 1:
        notes.append(f"a rule file is one verbalizer: {len(request.prompts) - 1} were left out")
    return notes


def _order(location: Location) -> tuple[str, ...]:
    """Return the labels by their numbers."""
    document = json_document(location.path, ENCODING)
    well_formed(location, document)
    if not isinstance(document, dict) or not document:
        raise location.error("it is no order of labels; write each label with its number")
    if unnumbered := [name for name, number in document.items() if type(number) is not int]:
        raise location.error(
            f"the label {unnumbered[0]!r} has no number; write each label with its number"
        )
    return tuple(sorted(document, key=lambda name: document[name]))


def _answers(location: Location, rules: Sequence[Rule]) -> ForeignVerbalizer:
    words: dict[str, list[tuple[str, ...]]] = {}
    for rule in rules:
        words.setdefault(rule.label, []).append(rule.words)
    turned = [rule.label for rule in rules if rule.reverse_of is not None]
    lost = [f"{len(turned)} labels have another's words in reverse, {turned[0]}"] if turned else []
    answers = tuple(tuple(words_of_label) for words_of_label in words.values())
    return ForeignVerbalizer(location, answers, tuple(words), lost=tuple(lost))


def _rows(saved: SavedPrompt) -> Iterator[tuple[str, ...]]:
    """Yield the label and the words of each answer."""
    slots = saved.prompt.template.slots
    for label, answers in saved.prompt.verbalizer.pairs:
        for answer in answers:
            words = dict(answer)
            if missing := [slot for slot in slots if slot not in words]:
                raise ExportError(
                    f"{saved.id}: {label!r} has no word for [{missing[0]}], but a rule has one for "
                    "each slot; python and text hold that"
                )
            yield label, *(words[slot] for slot in slots)


def _line(saved: SavedPrompt, row: Sequence[str]) -> str:
    if unwritable := [cell for cell in row if cell != cell.strip() or set(cell) & set("\t\r\n")]:
        raise ExportError(
            f"{saved.id}: {unwritable[0]!r} has tabs, line ends or spaces around it, which rule "
            "files are made of; python and text hold it"
        )
    return "\t".join(("0", *row)) + "\n"
