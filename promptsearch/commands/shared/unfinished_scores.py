"""The scores of an evaluation that is not at its end, so that it can go on."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from promptsearch.commands.shared.console import Console
from promptsearch.commands.shared.interruption import INTERRUPTED
from promptsearch.commands.shared.run_search import resuming_command
from promptsearch.scoring.cache_store import ScoreCache


@contextmanager
def unfinished_scores(
    prompts: Path, options: Mapping[str, Any], console: Console
) -> Iterator[Path | None]:
    """Yield the folder that holds the scores so far: that of `--cache`, or one beside the prompts.

    The latter is there only while an evaluation is not at its end. None where nothing may be
    written.
    """
    folder = options["cache"] or prompts.with_name(f"{prompts.name}.{options['split']}-scores")
    if options["cache"] is None and not os.access(folder.parent, os.W_OK):
        yield None
        return
    if options["cache"] is None and not options["resume"]:
        _remove(folder)
    try:
        yield folder
    except KeyboardInterrupt:
        console.say(f"interrupted; go on with: {resuming_command()}")
        raise SystemExit(INTERRUPTED) from None
    if options["cache"] is None:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder of scores, and no other folder."""
    if ScoreCache(folder).is_there:
        shutil.rmtree(folder)
