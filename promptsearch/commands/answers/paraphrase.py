"""`promptsearch answers paraphrase`: other words for the answers."""

from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.fields import built, search_options
from promptsearch.commands.options import from_option
from promptsearch.commands.paraphrase import check_sources
from promptsearch.commands.searching import search_one
from promptsearch.corpora import load_task
from promptsearch.exports.templates import templates_from
from promptsearch.searchers.answering.starting import check_labels
from promptsearch.searchers.answers_paraphrase import STRATEGY, AnswerParaphraseSearch, check_ways


@click.command("paraphrase")
@search_options(AnswerParaphraseSearch, from_option)
def command(task: str, starts: tuple[Path, ...], **given: Any) -> None:
    """Search other words for the answers; a label's probability is the sum over its words.

    Synonyms (WordNet, thesaurus files) and back-translation say a label's answers in other words;
    the most frequent are added, then those that make the training examples likelier. Jiang et al.
    (2021).
    """
    definition = load_task(task)
    check_labels(definition.name, definition.kind)
    given["template"] = templates_from(given["template"], starts, definition)
    check_ways(built(AnswerParaphraseSearch, given), definition.language)
    check_sources(given, definition.language)
    search_one(STRATEGY, definition, given)
