"""One beam of a template search, as the search and the writers of templates see it."""

from collections.abc import Callable
from typing import NamedTuple

from promptsearch.engine import ModelCall
from promptsearch.searchers.common.gap_template import GapTemplate

GapFill = tuple[list[str], float]  # the text of each gap, and log p: the mean over the examples


class BeamJob(NamedTuple):
    """One beam over one template with gaps."""

    gap_template: GapTemplate
    inputs: object  # all that the result depends on, beside the model
    prepare: Callable[[], ModelCall]  # gives a list of `GapFill`s, best first
