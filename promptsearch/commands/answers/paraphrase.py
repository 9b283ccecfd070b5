"""`promptsearch answers paraphrase`: other words for the answers."""

from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.paraphrase import check_sources
from promptsearch.commands.shared.options import from_option
from promptsearch.commands.shared.search_command import search_one
from promptsearch.commands.shared.searcher_options import built, search_options
from promptsearch.data import load_task
from promptsearch.formats.start_templates import templates_from
from promptsearch.searchers.answers.common.start import require_labels
from promptsearch.searchers.answers.paraphrase.search import (
    STRATEGY,
    AnswerParaphraseSearch,
    check_ways,
)


@click.command("paraphrase")
@search_options(AnswerParaphraseSearch, from_option)
def command(task: str, starts: tuple[Path, ...], **given: Any) -> None:
    """Search other words for the answers; a label's probability is the sum over its words.

    Synonyms (WordNet, thesaurus files) and back-translation say a label's answers in other words;
    the most frequent are added, then those that make the training examples likelier. Jiang et al.
    (2021).
    """
    definition = load_task(task)
    require_labels(definition.name, definition.kind)
    given["template"] = templates_from(given["template"], starts, definition)
    check_ways(built(AnswerParaphraseSearch, given), definition.language)
    check_sources(given, definition.language)
    search_one(STRATEGY, definition, given)
