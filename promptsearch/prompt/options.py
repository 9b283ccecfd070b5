"""The layout of UniMC: every label is an option with a slot before it, a question and texts follow.

Xu et al. (2022), "Zero-Shot Learners for Natural Language Understanding via a Unified Multiple
Choice Perspective", https://arxiv.org/abs/2210.08590, equation 1:

    [O1]it's great[O2]it's terrible[SEP]What is the sentiment of the review?[SEP]{text}
"""

from collections.abc import Iterator, Sequence

from promptsearch.errors import PromptError
from promptsearch.prompt.parts import Field, Option, Separator, Slot, Text
from promptsearch.prompt.row_options import check_row_options, has_row_options
from promptsearch.prompt.soft import Soft


def options_end(parts: Sequence[object]) -> int:
    """Return the index of the separator after the options; 0 where there are none."""
    last = max((i for i, part in enumerate(parts) if isinstance(part, Option)), default=None)
    if last is None:
        return 0
    after = (i for i, part in enumerate(parts) if i > last and isinstance(part, Separator))
    return next(after, len(parts))


def check_options(parts: Sequence[object], notation: str) -> None:
    """Raise PromptError if options are not laid out as the module says."""
    options = [part for part in parts if isinstance(part, Option)]
    separators = [i for i, part in enumerate(parts) if isinstance(part, Separator)]
    if not options:
        if separators:
            raise PromptError(
                f"the template {notation!r} has [SEP] but no options, which it ends; write "
                "[[SEP]] for the text"
            )
        return
    if not isinstance(parts[0], Option):
        raise PromptError(f"the template {notation!r} has to begin with its options, [O1]...")
    if len(options) < sum(isinstance(part, Slot) for part in parts):
        raise PromptError(f"the template {notation!r} has options and a [Z]; keep one of the two")
    if has_row_options(parts):
        check_row_options(parts, notation)
        return
    last = max(i for i, part in enumerate(parts) if isinstance(part, Option))
    if not separators or separators[0] < last:
        raise PromptError(f"the template {notation!r} has no [SEP] right after its options")
    _check_wordings(list(wordings(parts)), notation)


def _check_wordings(texts: Sequence[Sequence[object]], notation: str) -> None:
    if empty := [i for i, words in enumerate(texts, 1) if not any(map(_says, words))]:
        raise PromptError(f"the template {notation!r} has no text in its option {empty[0]}")
    seen: dict[tuple[object, ...], int] = {}
    for number, words in enumerate(texts, 1):
        if (twin := seen.setdefault(tuple(words), number)) != number:
            raise PromptError(
                f"the template {notation!r} says the same in its options {twin} and {number}, so "
                "nothing can tell them apart; change one of them"
            )


def _says(part: object) -> bool:
    return isinstance(part, Field | Soft) or (isinstance(part, Text) and bool(part.text.strip()))


def wordings(parts: Sequence[object]) -> Iterator[Sequence[object]]:
    """Yield the parts of each option, its slot left out."""
    starts = [i for i, part in enumerate(parts) if isinstance(part, Option)]
    ends = [*starts[1:], options_end(parts)]
    return (parts[start + 1 : end] for start, end in zip(starts, ends, strict=True))


def question_span(parts: Sequence[object]) -> tuple[int, int]:
    """Return where the question begins and ends: the segment behind the options, without fields.

    Empty where the options are followed by a text right away.
    """
    start = options_end(parts) + 1
    after = (i for i in range(start, len(parts)) if isinstance(parts[i], Separator))
    end = next(after, start)
    has_fields = any(isinstance(part, Field) for part in parts[start:end])
    return start, start if has_fields else end


def segments(parts: Sequence[object]) -> list[Sequence[object]]:
    """Return the parts between separators; at least one segment, which may be empty."""
    ends = [i for i, part in enumerate(parts) if isinstance(part, Separator)]
    starts = [0, *(end + 1 for end in ends)]
    return [parts[start:end] for start, end in zip(starts, [*ends, len(parts)], strict=True)]
