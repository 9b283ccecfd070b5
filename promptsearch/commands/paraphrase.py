"""`promptsearch paraphrase`: the neighbourhood of prompts, round after round."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rich_click as click

from promptsearch.commands.shared.options import from_option
from promptsearch.commands.shared.search_command import search_one
from promptsearch.commands.shared.searcher_options import search_options
from promptsearch.data import TaskDefinition, load_task
from promptsearch.formats.start_templates import templates_from
from promptsearch.language.english import read_thesaurus
from promptsearch.models import Family
from promptsearch.models.generation.translators import check_translators
from promptsearch.models.loading.load import check_family
from promptsearch.searchers.paraphrase.search import ParaphraseSearch


@click.command("paraphrase")
@search_options(ParaphraseSearch, from_option)
def command(task: str, starts: tuple[Path, ...], **given: Any) -> None:
    """Search the neighbourhood of prompts: the same thing in other words.

    Synonyms (WordNet, thesaurus files), a masked model's substitutions, phrase edits (GrIPS),
    back-translation (LPAQA) and rewriting by a model that follows instructions; the best of a
    round are where the next one starts. Jiang et al. (2020); Prasad et al. (2023).
    """
    definition = load_task(task)
    given["template"] = templates_from(given["template"], starts, definition)
    _check(given, definition)
    search_one("paraphrase", definition, given)


def _check(given: Mapping[str, Any], definition: TaskDefinition) -> None:
    """What else may be wrong, before the run begins."""
    check_sources(given, definition.language)
    families: dict[str, Sequence[Family]] = {
        "filler": ("masked",),
        "rewriter": ("causal", "seq2seq"),
    }
    for option, able in families.items():
        if spec := given[option]:
            check_family(f"--{option}", spec, able)


def check_sources(given: Mapping[str, Any], language: str) -> None:
    """Whether thesauri can be read, and translators lead from the language and back."""
    for name in given["thesaurus"]:
        read_thesaurus(Path(name))
    if given["forward"]:
        check_translators(given["forward"], given["backward"], language)
