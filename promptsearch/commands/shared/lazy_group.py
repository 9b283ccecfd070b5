"""A group of commands that are imported when they are used, so that `--help` stays quick."""

from collections.abc import Mapping
from importlib import import_module
from typing import ClassVar

import rich_click as click

from promptsearch.errors import did_you_mean


class LazyGroup(click.RichGroup):
    """`homes` leads from a name to `module:attribute` below `promptsearch.commands`."""

    homes: ClassVar[Mapping[str, str]]
    summaries: ClassVar[Mapping[str, str]]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.homes)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Name and summary only: enough to be listed."""
        if cmd_name not in self.homes:
            return None
        return click.RichCommand(name=cmd_name, short_help=self.summaries[cmd_name])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self.homes and not args[0].startswith("-"):
            meant = did_you_mean(args[0], list(self.homes))
            ctx.fail(f"there is no command {args[0]!r}{meant}; see --help")
        name, command, rest = super().resolve_command(ctx, args)
        return name, self.loaded(name) if name and name in self.homes else command, rest

    def loaded(self, name: str) -> click.Command:
        """The command itself; its module is imported here."""
        module, attribute = self.homes[name].split(":")
        home = import_module(f"promptsearch.commands.{module}")
        command: click.Command = getattr(home, attribute)
        return command
