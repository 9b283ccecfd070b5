"""The field {options} of prompts that are exported: a text, where the labels are its options."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.options_text import OptionsText
from promptsearch.data.tasks.toml_keys import TomlKeys
from promptsearch.prompt import Field, Prompt, Text
from promptsearch.prompt.parts import OPTIONS
from promptsearch.prompt_file.prompts_json import section_of

if TYPE_CHECKING:
    from promptsearch.formats.export import ExportRequest


def with_options_text(request: "ExportRequest", has_choices: bool) -> "ExportRequest":
    """Return the request with the labels' text in the place of {options}.

    Rows with choices have a text each, and keep the field.
    """
    options = _options_of(request)
    if has_choices or options is None or OPTIONS not in request.inputs:
        return request
    text = str(options.of_choices())
    prompts = tuple(replace(each, prompt=_filled(each.prompt, text)) for each in request.prompts)
    if request.ensemble is None:
        return replace(request, prompts=prompts)
    members = tuple(replace(m, prompt=_filled(m.prompt, text)) for m in request.ensemble.members)
    return replace(request, prompts=prompts, ensemble=replace(request.ensemble, members=members))


def options_notes(request: "ExportRequest") -> Sequence[str]:
    """Return what {options} stands for, where prompts still have it."""
    options = _options_of(request)
    if options is None or OPTIONS not in request.inputs:
        return ()
    return (f"{{{OPTIONS}}} is no column: it is a row's choices, joined by {options.separator!r}",)


def _options_of(request: "ExportRequest") -> OptionsText | None:
    """Return what a task's {options} is; None where it is a column, or nothing is known of it."""
    if request.task is None:
        definition = section_of(request.file.section("task"), "definition")
        return OptionsText.named(TomlKeys(definition, request.file.path, "task.definition."))
    reader = request.task.reader
    return reader.options if isinstance(reader, LabelledReader) else None


def _filled(prompt: Prompt, text: str) -> Prompt:
    parts = tuple(Text(text) if part == Field(OPTIONS) else part for part in prompt.template.parts)
    return replace(prompt, template=replace(prompt.template, parts=parts))
