"""Texts with more options than are read at a time: one text a pass, each with a part of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from promptsearch.models import ScoringRequest
from promptsearch.prompt import Filled, Option
from promptsearch.prompt.options import options_end


@dataclass(frozen=True)
class OptionPasses:
    """Requests of passes, and the row of the whole requests that each of their texts is a part of.

    What is read of an option in any pass adds up to what is read of the row: an answer whose option
    a pass lacks is not read there.
    """

    requests: Sequence[ScoringRequest]
    rows: Sequence[int]

    @classmethod
    def of(cls, requests: Sequence[ScoringRequest], most: int) -> "OptionPasses":
        """Return the passes of requests, with so many options in each at most."""
        rows: list[int] = []
        split = []
        row = 0
        for request in requests:
            texts: list[Filled] = []
            for text in request.texts:
                parts = list(passes_of(text, most))
                texts += parts
                rows += [row] * len(parts)
                row += 1
            split.append(ScoringRequest(texts, request.answers))
        return cls(split, rows)


def passes_of(text: Filled, most: int) -> Iterator[Filled]:
    """Yield the text with a part of its options in each, as many in each as can be."""
    end = options_end(text)
    starts = [i for i, part in enumerate(text[:end]) if isinstance(part, Option)]
    count = -(-len(starts) // most)
    bounds = [*starts, end]
    for number in range(count):
        first, last = (len(starts) * n // count for n in (number, number + 1))
        yield (*text[bounds[first] : bounds[last]], *text[end:])
