"""The command line: find the command, run it, say what went wrong in one line."""

import signal
import sys
from importlib import import_module
from typing import Any

import rich_click as click

from promptsearch.errors import PromptSearchError

COMMANDS = {  # name -> module:attribute; a command's module loads only when it is asked for
    "init": "init:command",
    "mine": "mine:mine",
    "evaluate": "evaluate:command",
    "show": "show:command",
    "check": "check:command",
    "reproduce": "reproduce:command",
    "tasks": "listing:tasks",
    "models": "listing:models",
}


class Commands(click.RichGroup):
    """A group whose commands are imported when used, so that `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        return getattr(import_module(f"promptsearch.commands.{module}"), attribute)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PromptSearchError as error:
            click.echo(f"promptsearch: {' '.join(str(error).split())}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("promptsearch: interrupted", err=True)
            ctx.exit(130)


@click.group(cls=Commands)
@click.version_option(package_name="promptsearch")
def cli() -> None:
    """Search for discrete prompts and their answer words, over models with frozen weights."""


def main() -> None:
    """The entry point; a polite kill (SIGTERM) keeps what was found, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    sys.exit(cli())


if __name__ == "__main__":
    main()
