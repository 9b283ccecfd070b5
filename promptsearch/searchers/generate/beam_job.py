"""A beam to be run, as the search and the writers speak of it."""

from collections.abc import Callable
from typing import NamedTuple

from promptsearch.engine import ModelCall
from promptsearch.searchers.common.gap_template import GapTemplate


class BeamJob(NamedTuple):
    """One beam over one frame; its chore gives [[texts of the gaps], mean log p], best first."""

    frame: GapTemplate
    about: object  # all that its outcome depends on, beside the model
    prepare: Callable[[], ModelCall]
