"""`promptsearch paraphrase`: the neighbourhood of prompts, round after round."""

from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.fields import search_options
from promptsearch.commands.options import from_option
from promptsearch.commands.searching import search_one
from promptsearch.corpora import load_task
from promptsearch.exports.templates import fitting, templates_in
from promptsearch.models.sources import find
from promptsearch.models.translation import check_translator
from promptsearch.searchers.paraphrase import ParaphraseSearch


@click.command("paraphrase")
@search_options(ParaphraseSearch, from_option)
def command(task: str, starts: tuple[Path, ...], **given: Any) -> None:
    """Search the neighbourhood of prompts: the same thing in other words.

    Synonyms (WordNet, thesaurus files), a masked model's substitutions, phrase edits (GrIPS),
    back-translation (LPAQA) and rewriting by a model that follows instructions; the best of a
    round are where the next one starts. Jiang et al. (2020); Prasad et al. (2023).
    """
    definition = load_task(task)
    own = [str(fitting(notation, definition)) for notation in given["template"]]
    given["template"] = (*own, *templates_in(starts, definition))
    for spec in filter(None, (given["filler"], given["rewriter"])):
        find(spec)
    for spec in filter(None, (given["forward"], given["backward"])):
        check_translator(spec)
    search_one("paraphrase", definition, given)
