"""Options from a strategy's fields, and all options of a search command."""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import rich_click as click

from promptsearch.commands.shared.finetune_options import tuning_options
from promptsearch.commands.shared.options import (
    Decorator,
    computing_options,
    json_option,
    layout_options,
    limit_options,
    loading_options,
    model_option,
    output_options,
    quiet_option,
    scoring_options,
    stacked,
    task_option,
)
from promptsearch.searchers.common.start_files import PromptsArgument, StartPromptsFile


def search_options(searcher: type, *extra: Decorator, task: Decorator = task_option) -> Decorator:
    """Return the options of a search command; `extra` are options that are no fields."""
    names = {field.name for field in fields(searcher)}
    layout = () if "layout" in names else (layout_options,)  # `generate` has layouts of its own
    return _options(*layout, *extra, searcher_options(searcher), task=task)


def run_options(*extra: Decorator, task: Decorator = task_option) -> Decorator:
    """Return the options of every search; `extra` stand behind task and model."""
    return _options(layout_options, *extra, task=task)


def _options(*extra: Decorator, task: Decorator) -> Decorator:
    return stacked(
        task,
        model_option,
        *extra,
        scoring_options,
        tuning_options,
        limit_options,
        computing_options,
        output_options,
        loading_options,
        json_option,
        quiet_option,
    )


def searcher_options(searcher: type) -> Decorator:
    """Return an option for each field of a strategy's dataclass; help is its `Annotated` text.

    A tuple's option may be repeated.
    """
    hints = get_type_hints(searcher, include_extras=True)
    return stacked(*(_option(field, hints[field.name]) for field in fields(searcher)))


def _option(field: "Field[Any]", hint: Any) -> Decorator:
    kind, *notes = get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
    name, default = field.name.replace("_", "-"), field.default
    assert default is not MISSING, f"the field {field.name} needs a default"
    text = str(notes[0]) if notes else None
    if any(isinstance(note, PromptsArgument) for note in notes):
        return click.argument(field.name, type=click.Path(), metavar="PROMPTS")
    if any(isinstance(note, StartPromptsFile) for note in notes):
        path = click.Path()
        return click.option(
            "--from", field.name, type=path, default="", metavar="PROMPTS", help=text
        )
    if kind is bool:
        return click.option(f"--{name}/--no-{name}", default=default, show_default=True, help=text)
    multiple = get_origin(kind) is tuple
    return click.option(
        f"--{name}",
        type=_click_type(kind),
        default=default,
        show_default=default not in ("", ()),
        multiple=multiple,
        help=text,
    )


def _click_type(kind: Any) -> Any:
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    if get_origin(kind) is tuple:  # tuple[X, ...]
        return _click_type(get_args(kind)[0])
    types = [part for part in get_args(kind) if part is not NoneType]  # X | None
    return _click_type(types[0]) if types else kind


def build_searcher(searcher: type, options: Mapping[str, Any]) -> Any:
    """Return the strategy with the options' values in its fields."""
    return searcher(**{field.name: options[field.name] for field in fields(searcher)})
