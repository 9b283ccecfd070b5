"""Published scoring loops, re-created on plain transformers: texts in, log-probabilities out.

Facts only: the sizes, padding, precision and position of the head are theirs, the code is not.
Where a choice was open it was made in their favour. All run in float32, as they do, without
gradients, and return log-probabilities over the full vocabulary, (text, word), so that all can be
compared.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from promptsearch.bench.published_loops.autoprompt import autoprompt
from promptsearch.bench.published_loops.lama import lama
from promptsearch.bench.published_loops.lmbff import lmbff
from promptsearch.bench.published_loops.openprompt import openprompt
from promptsearch.bench.workload import Workload
from promptsearch.models import Family
from promptsearch.models.loading.random_models import Parts


@dataclass(frozen=True)
class Published:
    """Loop, and the families that its project has code for."""

    name: str
    run: Callable[[Parts, Workload], Tensor]
    families: tuple[Family, ...]
    padded: int | None = None  # every text is padded to so many tokens: all cost the same


PUBLISHED = (
    Published("OpenPrompt 256", openprompt, ("masked", "causal", "seq2seq"), 256),
    Published(
        "OpenPrompt 128", partial(openprompt, length=128), ("masked", "causal", "seq2seq"), 128
    ),
    Published("LM-BFF", lmbff, ("masked",), 128),
    Published("LAMA", lama, ("masked", "causal")),
    Published("AutoPrompt", autoprompt, ("masked",)),
)
