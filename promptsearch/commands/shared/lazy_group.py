"""A group of commands that are imported when they are used, so that `--help` stays quick."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module

import rich_click as click

from promptsearch.errors import did_you_mean


@dataclass(frozen=True)
class LazyCommand:
    """Line of a command in `--help`, and the loader of the command."""

    summary: Callable[[], str]
    load: Callable[[], click.Command]


def in_module(home: str, summary: str) -> LazyCommand:
    """Return the command at `module:attribute` below `promptsearch.commands`."""
    return LazyCommand(lambda: summary, partial(load_command, home))


def load_command(home: str) -> click.Command:
    """Import the command at `module:attribute` below `promptsearch.commands`."""
    module, _, attribute = home.partition(":")
    command: click.Command = getattr(import_module(f"promptsearch.commands.{module}"), attribute)
    return command


class LazyGroup(click.RichGroup):
    """Group whose subclasses list their commands in `lazy_commands`."""

    def lazy_commands(self) -> Mapping[str, LazyCommand]:
        """Return the commands by name, in the order of `--help`."""
        raise NotImplementedError

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.lazy_commands())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a stand-in with name and summary, enough for a list."""
        if (lazy := self.lazy_commands().get(cmd_name)) is None:
            return None
        return click.RichCommand(name=cmd_name, short_help=lazy.summary())

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            meant = did_you_mean(args[0], names)
            ctx.fail(f"there is no command {args[0]!r}{meant}; see --help")
        name, command, rest = super().resolve_command(ctx, args)
        return name, self.loaded(name) if name and name in names else command, rest

    def loaded(self, name: str) -> click.Command:
        """Import the command's module and return the command."""
        return self.lazy_commands()[name].load()
