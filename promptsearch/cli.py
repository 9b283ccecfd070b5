"""The command line: find the command, run it, say what went wrong in one line."""

import gc
import signal
import sys
from errno import EACCES, EDQUOT, EFBIG, ENOSPC, EROFS
from typing import Any, NoReturn

import rich_click as click

from promptsearch.commands.shared.lazy_group import LazyGroup
from promptsearch.errors import PromptSearchError

COMMANDS = {  # name -> module:attribute; a command's module loads only when it is asked for
    "init": "init:command",
    "mine": "mine:mine",
    "paraphrase": "paraphrase:command",
    "gradient": "gradient:command",
    "generate": "generate:command",
    "lm-score": "lm_score:command",
    "answers": "answers:command",
    "search": "search:command",
    "ensemble": "ensemble:command",
    "evaluate": "evaluate:command",
    "certify": "certify:command",
    "predict": "predict:command",
    "export": "export:command",
    "import": "import_prompts:command",
    "show": "show:command",
    "report": "report:command",
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
    "answers": "Search the words that stand for the labels.",
    "search": "Several strategies in a chain or jointly, under one budget.",
    "ensemble": "Put the best prompts together.",
    "evaluate": "Score prompts on a split, beside the baselines.",
    "certify": "Say whether a gain is real, noise, or needs more rows.",
    "predict": "Label new rows with prompts that were found.",
    "export": "Write prompts in the formats of other tools.",
    "import": "Read prompts and answers in the formats of other tools.",
    "show": "Show what a prompts.json holds.",
    "report": "Write a page about prompts: scores, the search, mistakes.",
    "check": "Check a task, and prompts, before an expensive run.",
    "reproduce": "Run a search again and say what differs.",
    "bench": "Measure the scorer against the published loops.",
    "cache": "Say what the score cache holds, or empty it.",
    "tasks": "List the built-in tasks.",
    "models": "List what --model takes.",
}


UNWRITABLE = {EACCES, EDQUOT, EFBIG, ENOSPC, EROFS}  # no fault of ours, wherever it happens


class Commands(LazyGroup):
    """All commands; what goes wrong in them is said in one line."""

    homes = COMMANDS
    summaries = SUMMARIES

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PromptSearchError as error:
            click.echo(f"promptsearch: {' '.join(str(error).split())}", err=True)
            ctx.exit(1)
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            place = f"{error.filename}: " if error.filename else ""
            click.echo(f"promptsearch: {place}{error.strerror}; make room or use -o", err=True)
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
    signal.signal(signal.SIGTERM, _stop)
    # A plan is many small objects and no garbage: it is made 1.3x faster or more.
    gc.set_threshold(50_000)
    sys.exit(cli())


def _stop(*_: object) -> NoReturn:
    """Not by way of SIGINT, which a shell's background jobs ignore."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
