"""The option `--from`: start templates from files, for strategies with a field marked for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

import rich_click as click

from promptsearch.commands.shared.options import Decorator
from promptsearch.data import TaskDefinition
from promptsearch.searchers.common.start_files import PromptsFile, TemplateFiles

OPTION = "from_files"  # the option's name among a command's options


def start_options(searcher: type) -> list[Decorator]:
    """Return the option `--from` if a field of the strategy is marked for it, or nothing."""
    return [_from_option(note) for _, note in _marked_fields(searcher)]


def with_start_templates(
    searcher: type, options: Mapping[str, Any], definition: TaskDefinition
) -> dict[str, Any]:
    """Return the options, with the templates of the files of `--from` in the marked field.

    Raise PromptError or DataError if a template does not suit the task.
    """
    filled = dict(options)
    for field, note in _marked_fields(searcher):
        files = filled.pop(OPTION)
        if isinstance(note, TemplateFiles):
            filled[field] = _all_templates(filled[field], files, definition, note)
        elif files is not None:
            filled[field] = _first_template(filled[field], files, field)
    return filled


def _all_templates(
    notations: tuple[str, ...],
    files: tuple[Path, ...],
    definition: TaskDefinition,
    note: TemplateFiles,
) -> tuple[str, ...]:
    from promptsearch.formats.start_templates import templates_from

    return templates_from(notations, files, definition, any_slots=note.any_slots)


def _first_template(notation: str, file: Path, field: str) -> str:
    from promptsearch.prompt_file.prompts_json import read_prompts

    if notation:
        raise click.UsageError(f"--from and --{field} both give a template; leave one out")
    template = read_prompts(file).prompts[0].prompt.template
    template.check_shallow("a template of words")
    return str(template)


def _marked_fields(searcher: type) -> list[tuple[str, TemplateFiles | PromptsFile]]:
    hints = get_type_hints(searcher, include_extras=True)
    return [
        (field, note)
        for field, hint in hints.items()
        for note in getattr(hint, "__metadata__", ())
        if isinstance(note, TemplateFiles | PromptsFile)
    ]


def _from_option(note: TemplateFiles | PromptsFile) -> Decorator:
    if isinstance(note, PromptsFile):
        return click.option(
            "--from", OPTION, type=click.Path(path_type=Path), metavar="PROMPTS", help=note.help
        )
    return click.option(
        "--from",
        OPTION,
        type=click.Path(path_type=Path),
        multiple=True,
        metavar="FILE",
        help="Templates to start from: a prompts.json, a text file with one a line, or a list that "
        "`promptsearch import` reads (of LPAQA, ParaRel, LM-BFF, OpenPrompt ...).",
    )
