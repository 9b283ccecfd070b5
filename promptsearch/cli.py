"""The command line: find the command, run it, say what went wrong in one line."""

import gc
import sys
from collections.abc import Mapping
from errno import EACCES, EDQUOT, EFBIG, ENAMETOOLONG, ENOSPC, EPIPE, EROFS
from typing import Any, NoReturn

import rich_click as click

from promptsearch.commands.shared.interruption import INTERRUPTED, stop_on_signals
from promptsearch.commands.shared.lazy_group import LazyCommand, LazyGroup, in_module
from promptsearch.commands.shared.option_names import with_option_names
from promptsearch.commands.shared.terminal_text import echo
from promptsearch.commands.strategies import strategy_commands
from promptsearch.errors import PromptSearchError, brief

LONGEST = 2000  # characters of a message; a table's columns may have names of any length
UNWRITABLE = {EACCES, EDQUOT, EFBIG, ENOSPC, EROFS}  # no fault of ours, wherever it happens


def all_commands() -> dict[str, LazyCommand]:
    """Return the commands by name; a command's module loads only when it is asked for."""
    return {
        "init": in_module("init:command", "Write a commented task file from a table."),
        **strategy_commands(),
        "tune-choices": in_module(
            "tune_choices:command", "Train a model to read options, on many tasks at once."
        ),
        "ensemble": in_module("ensemble:command", "Put the best prompts together."),
        "evaluate": in_module(
            "evaluate:command", "Score prompts on a split, beside the baselines."
        ),
        "certify": in_module(
            "certify:command", "Say whether a gain is real, noise, or needs more rows."
        ),
        "score-pclue": in_module(
            "score_pclue:command", "Score predictions as the benchmark pCLUE does."
        ),
        "predict": in_module("predict:command", "Label new rows with prompts that were found."),
        "export": in_module("export:command", "Write prompts in the formats of other tools."),
        "import": in_module(
            "import_prompts:command", "Read prompts and answers in the formats of other tools."
        ),
        "show": in_module("show:command", "Show what a prompts.json holds."),
        "report": in_module(
            "report:command", "Write a page about prompts: scores, the search, mistakes."
        ),
        "check": in_module("check:command", "Check a task, and prompts, before an expensive run."),
        "reproduce": in_module("reproduce:command", "Run a search again and say what differs."),
        "bench": in_module("bench:command", "Measure the scorer against the published loops."),
        "cache": in_module("cache:command", "Say what the score cache holds, or empty it."),
        "tasks": in_module("listing:tasks", "List the built-in tasks."),
        "models": in_module("listing:models", "List what --model takes."),
    }


class Commands(LazyGroup):
    """All commands; what goes wrong in them is said in one line."""

    def lazy_commands(self) -> Mapping[str, LazyCommand]:
        return all_commands()

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PromptSearchError as error:
            message = brief(" ".join(str(error).split()), LONGEST)
            message = with_option_names(message, self._command(ctx))
            echo(f"promptsearch: {message}", err=True)
            ctx.exit(1)
        except OSError as error:
            if error.errno == EPIPE:  # whoever read our output has left; click ends quietly
                raise
            echo(f"promptsearch: {_file_error(error)}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            _interrupted()

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Read the command line, for which a command's module loads."""
        try:
            return super().make_context(*args, **options)
        except KeyboardInterrupt:
            _interrupted()

    def _command(self, ctx: click.Context) -> click.Command | None:
        """Return the command that ran, a group for its commands."""
        name = ctx.invoked_subcommand or ""
        return self.loaded(name) if name in self.lazy_commands() else None


def _file_error(error: OSError) -> str:
    """Return what the system says of a file, and the way out."""
    file = f"{brief(str(error.filename), 100)}: " if error.filename else ""
    why = error.strerror or str(error)
    if error.errno == ENAMETOOLONG:
        return f"{file}the name is too long; shorten it"
    way_out = "make room or use -o" if error.errno in UNWRITABLE else "look at it and try again"
    return f"{file}{why}; {way_out}"


def _interrupted() -> NoReturn:
    echo("promptsearch: interrupted", err=True)
    sys.exit(INTERRUPTED)


@click.group(cls=Commands)
@click.version_option(package_name="promptsearch")
def cli() -> None:
    """Search for discrete prompts and their answer words, over models with frozen weights."""


def main() -> None:
    """The entry point; a polite kill (SIGTERM) keeps what was found, as Ctrl-C does."""
    stop_on_signals()
    # A plan is many small objects and no garbage: it is made 1.3x faster or more.
    gc.set_threshold(50_000)
    sys.exit(cli())


if __name__ == "__main__":
    main()
