"""The reader of a task's rows: one for each kind, from any table."""

from typing import TypeAlias

from promptsearch.data.tasks.facts_reader import FactsReader
from promptsearch.data.tasks.labelled_reader import LabelledReader
from promptsearch.data.tasks.tags_reader import TagsReader

Reader: TypeAlias = LabelledReader | FactsReader | TagsReader


def fixed_inputs(reader: Reader) -> dict[str, str]:
    """Return the inputs that are no example's, and stay where all others are taken away."""
    return reader.fixed_inputs if isinstance(reader, LabelledReader) else {}
