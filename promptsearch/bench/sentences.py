"""Real sentences to score: WordNet glosses from the built-in corpus, as long as film reviews."""

import gzip
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from random import Random

from promptsearch import data as corpora
from promptsearch.errors import TaskError

FOLDER = Path(corpora.__file__).parent / "builtin"
GLOSSES = FOLDER / "glosses.txt.gz"
DECILES = (3, 6, 8, 11, 13, 16, 19, 22, 25, 32, 38)
"""Words. Those of LM-BFF's SST-2 sentences (8, 11, 14, 17, 21, 25, 29, 33, 42 word pieces at 1.31
pieces a word, cut at 50), so that a tenth of the sentences falls between each two."""


def sentences(count: int, skip: int = 0, seed: int = 0) -> tuple[str, ...]:
    """Return `count` distinct sentences of about 5 to 50 word pieces, always the same ones.

    `skip` leaves out that many first ones: other rounds, other sentences. Raises TaskError if there
    are no more.
    """
    chosen = tuple(islice(_mixed(seed), skip, skip + count))
    if len(chosen) < count:
        raise TaskError(
            f"the built-in corpus has {sum(1 for _ in _mixed(seed)):,} sentences to measure with, "
            f"not {skip + count:,}; use fewer texts or rounds"
        )
    return chosen


def _mixed(seed: int) -> Iterator[str]:
    """Yield sentences from each tenth in turn, in a random order inside each ten."""
    tenths = _tenths(seed)
    order = Random(seed)
    for row in range(min(map(len, tenths))):
        ten = [tenth[row] for tenth in tenths]
        order.shuffle(ten)
        yield from ten


@cache
def _tenths(seed: int) -> tuple[tuple[str, ...], ...]:
    """Return the corpus's lines by length, each tenth in a random order."""
    lines = gzip.decompress(GLOSSES.read_bytes()).decode("utf-8").splitlines()
    tenths: list[list[str]] = [[] for _ in DECILES[1:]]
    for line in dict.fromkeys(map(str.strip, lines)):
        words = len(line.split())
        tenth = sum(words > upper for upper in DECILES[1:])
        if DECILES[0] < words <= DECILES[-1]:
            tenths[tenth].append(line)
    for tenth_lines in tenths:
        Random(seed).shuffle(tenth_lines)
    return tuple(map(tuple, tenths))
