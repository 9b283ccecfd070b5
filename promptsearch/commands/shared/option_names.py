"""Translation of the library's fields in messages to options of the command line.

The library writes "use `dtype` float32" and "`ensemble=False`"; on the command line that reads
"use --dtype float32" and "--no-ensemble".
"""

import re
from collections.abc import Iterator

import rich_click as click

from promptsearch.commands.shared.lazy_group import LazyGroup

_FIELD = re.compile(r"`(?P<name>[a-z][a-z0-9_]*)(?P<off>=False)?`")


def with_option_names(text: str, command: click.Command | None) -> str:
    """Return a message of the library with fields replaced by the command's options.

    Other words between backticks stay.
    """
    if not _FIELD.search(text):  # most lines of a log
        return text
    options = dict(_options(command))

    def option(match: re.Match[str]) -> str:
        return options.get((match["name"], bool(match["off"])), match[0])

    return _FIELD.sub(option, text)


def _options(command: click.Command | None) -> Iterator[tuple[tuple[str, bool], str]]:
    """Yield ((field, switched off), option) of a command, or of a group's commands."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if isinstance(command, LazyGroup):
                yield from _options(command.loaded(name))
            else:
                yield from _options(command.get_command(context, name))
    for parameter in command.params if command is not None else ():
        if isinstance(parameter, click.Option) and parameter.name is not None:
            longest = max(parameter.opts, key=len)
            spellings = {parameter.name, longest.lstrip("-").replace("-", "_")}
            for name in sorted(spellings):
                yield (name, False), longest
                for negative in parameter.secondary_opts:
                    yield (name, True), negative


def in_command(text: str) -> str:
    """Return a message with the option names of the running command."""
    context = click.get_current_context(silent=True)
    return with_option_names(text, context.command if context else None)
