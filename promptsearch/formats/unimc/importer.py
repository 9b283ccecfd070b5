"""Prompts of UniMC's rows: one for each question and list of choices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from promptsearch.data.tables.json_rows import json_values
from promptsearch.errors import PromptError, brief
from promptsearch.files.read import ENCODING
from promptsearch.formats.importing.contents import (
    ForeignTemplate,
    ForeignVerbalizer,
    ImportedFiles,
    ImportOptions,
    Location,
    well_formed,
)
from promptsearch.prompt import Text
from promptsearch.prompt.options_prompt import options_prompt, yes_and_no
from promptsearch.prompt.template import notation_of

ENDINGS = (".json", ".jsonl")
MOST = 50  # questions; more are rows that each have their own
AS_DATA = 'use the file as the data of a task, with choices = "choice", label = "label"'
# Kinds of task whose second text the release puts behind each choice: matching, inference.
FOLDED = ("\u8bed\u4e49\u5339\u914d", "\u81ea\u7136\u8bed\u8a00\u63a8\u7406")


@dataclass(frozen=True)
class _RowGroup:
    """What rows have in common that ask the same."""

    question: str
    choices: tuple[str, ...]
    folded: bool  # whether the second text stands behind each choice
    pair: bool  # whether there is a second text at all

    @property
    def wordings(self) -> Mapping[str, str]:
        """Choice -> its option, in the notation of templates."""
        behind = "{textb}" if self.folded else ""
        return {choice: notation_of(Text(choice)) + behind for choice in self.choices}

    @property
    def passage(self) -> str:
        return "{texta}[SEP]{textb}" if self.pair and not self.folded else "{texta}"


def read(path: Path, options: ImportOptions) -> ImportedFiles:
    """Return a template and its labels, the choices, for all rows that ask the same."""
    rows: dict[_RowGroup, tuple[Location, int]] = {}
    for line, row in json_values(path, ENCODING):
        location = Location(path, line)
        group = _group(location, row)
        first, count = rows.get(group, (location, 0))
        rows[group] = first, count + 1
        if group.choices != next(iter(rows)).choices:
            raise location.error(
                "its choices are others than those of the rows before: the rows have choices of "
                f"their own; {AS_DATA}"
            )
        if len(rows) > MOST:
            raise location.error(f"these are more than {MOST} questions; {AS_DATA}")
    if not rows:
        raise Location(path).error("the file is empty; fetch it again")
    pairs = [
        _prompt(group, *entry, f"{path}:{number}")
        for number, (group, entry) in enumerate(rows.items())
    ]
    templates, verbalizers = zip(*pairs, strict=True)
    return ImportedFiles(templates, verbalizers, positions=("texta", "textb"))


def _prompt(
    group: _RowGroup, location: Location, rows: int, pattern: str
) -> tuple[ForeignTemplate, ForeignVerbalizer]:
    chinese = any("\u4e00" <= sign <= "\u9fff" for text in group.choices for sign in text)
    yes, no = yes_and_no("zh" if chinese else "en")
    question = notation_of(Text(group.question)) if group.question else ""
    try:
        prompt = options_prompt(group.wordings, question, group.passage, yes, no)
    except PromptError as error:
        raise location.error(error) from None
    evidence = {"rows": rows}
    foreign = ForeignTemplate(location, prompt.template, pattern=pattern, evidence=evidence)
    answers = tuple((yes,) for _ in group.choices)
    return foreign, ForeignVerbalizer(location, answers, group.choices, pattern=pattern, no=no)


def _group(location: Location, row: object) -> _RowGroup:
    """Return what a row asks. Raises DataError at what is not in the format."""
    well_formed(location, row)
    if not isinstance(row, dict):
        raise location.error('it is no row; write {"texta": ..., "choice": [...], "label": 0}')
    texts = {name: row.get(name, "") for name in ("texta", "textb", "question")}
    if wrong := [name for name, value in texts.items() if not isinstance(value, str)]:
        raise location.error(f'"{wrong[0]}" is {brief(repr(texts[wrong[0]]))}; write it as a text')
    choices = _choices(location, row.get("choice"))
    folded = row.get("task_type") in FOLDED and bool(texts["textb"])
    return _RowGroup(texts["question"], choices, folded, bool(texts["textb"]))


def _choices(location: Location, value: object) -> tuple[str, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise location.error(f'"choice" is {brief(repr(value))}; write a list of texts')
    if wrong := [each for each in value if not isinstance(each, str) or not each.strip()]:
        raise location.error(f"the choice {brief(repr(wrong[0]))} is no text; write one")
    if len(set(value)) < len(value):
        raise location.error("a choice stands twice, so nothing can tell them apart; keep one")
    return tuple(value)
