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
    "paraphrase": "paraphrase:command",
    "gradient": "gradient:command",
    "generate": "generate:command",
    "lm-score": "lm_score:command",
    "evaluate": "evaluate:command",
    "show": "show:command",
    "check": "check:command",
    "reproduce": "reproduce:command",
    "bench": "bench:command",
    "cache": "cache:command",
    "tasks": "listing:tasks",
    "models": "listing:models",
}


SUMMARIES = {
    "init": "Write a commented task file from a table.",
    "mine": "Search templates in a corpus (LPAQA's prompt mining).",
    "paraphrase": "Search the neighbourhood of prompts: synonyms, substitutions, translations.",
    "gradient": "Search trigger tokens by the model's gradients (AutoPrompt, GCG).",
    "generate": "Let a model write templates around the right answers (LM-BFF).",
    "lm-score": "Choose templates by a language model that reads them (Davison et al.).",
    "evaluate": "Score prompts on a split, beside the baselines.",
    "show": "Show what a prompts.json holds.",
    "check": "Check a task, and prompts, before an expensive run.",
    "reproduce": "Run a search again and say what differs.",
    "bench": "Measure the scorer against the published loops.",
    "cache": "Say what the score cache holds, or empty it.",
    "tasks": "List the built-in tasks.",
    "models": "List what --model takes.",
}


class Commands(click.RichGroup):
    """A group whose commands are imported when used, so that `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Name and summary only: enough to be listed."""
        if cmd_name not in COMMANDS:
            return None
        return click.RichCommand(name=cmd_name, short_help=SUMMARIES[cmd_name])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, loaded_command(name) if name in COMMANDS else command, rest

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PromptSearchError as error:
            click.echo(f"promptsearch: {' '.join(str(error).split())}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("promptsearch: interrupted", err=True)
            ctx.exit(130)


def loaded_command(name: str) -> click.Command:
    """The command itself; its module is imported here."""
    module, attribute = COMMANDS[name].split(":")
    command: click.Command = getattr(import_module(f"promptsearch.commands.{module}"), attribute)
    return command


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
