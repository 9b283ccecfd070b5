"""`promptsearch lm-score`: templates that a language model reads most easily (Davison et al.)."""

from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.options import from_option
from promptsearch.commands.shared.search_command import search_one
from promptsearch.commands.shared.searcher_options import search_options
from promptsearch.data import load_task
from promptsearch.errors import RunError
from promptsearch.formats.start_templates import templates_from
from promptsearch.models import Options
from promptsearch.searchers.lm_score.scoring_model import check_reader
from promptsearch.searchers.lm_score.search import LMScoreSearch


@click.command("lm-score")
@search_options(LMScoreSearch, from_option)
def command(task: str, starts: tuple[Path, ...], **given: Any) -> None:
    """Choose among templates by how likely a language model finds them, filled.

    Each template is filled with training examples, their answers and grammatical variants of both;
    a unidirectional model (--lm) scores the sentences. The best templates are scored on dev.
    Davison, Feldman and Rush (2019).
    """
    definition = load_task(task)
    given["template"] = templates_from(given["template"], starts, definition)
    if not given["template"]:
        raise RunError("lm-score chooses among templates; give some: --template, or --from FILE")
    names = ("family", "trust_remote_code")
    check_reader(given["lm"], Options(given["model"], **{name: given[name] for name in names}))
    search_one("lm-score", definition, given)
