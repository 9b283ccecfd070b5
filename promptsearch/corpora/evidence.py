"""LAMA's evidence files: sentences with their fact, the object masked.

Each row has `sub_label`, `obj_label` and `evidences`, a list of `masked_sentence` (the object as
[MASK]), `sub_surface` and `obj_surface` (how the two are written there). The sentence is restored,
and so is where subject and object stand in it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MASK = "[MASK]"
Span = tuple[int, int]


@dataclass(frozen=True)
class Mention:
    """A known fact in a text: character spans of the subject and of the object."""

    subject: str
    object: str
    subject_span: Span
    object_span: Span


Annotated = tuple[str, tuple[Mention, ...]]  # a text, and what is known to stand in it


def restored(row: Mapping[str, object]) -> Iterator[Annotated]:
    """Yield the sentences of one evidence row, each with the mentions of the row's fact."""
    evidences = row.get("evidences")
    for evidence in evidences if isinstance(evidences, list) else ():
        masked = evidence.get("masked_sentence") if isinstance(evidence, dict) else None
        if not isinstance(masked, str):
            continue
        surface = str(evidence.get("obj_surface") or row.get("obj_label") or "")
        sentence = masked.replace(MASK, surface)
        subject = str(evidence.get("sub_surface") or row.get("sub_label") or "")
        yield sentence, tuple(_mentions(row, masked, sentence, subject, surface))


def _mentions(
    row: Mapping[str, object], masked: str, sentence: str, subject: str, surface: str
) -> Iterator[Mention]:
    if not subject or not surface:
        return
    names = str(row.get("sub_label", "")), str(row.get("obj_label", ""))
    for match in re.finditer(rf"(?<!\w){re.escape(subject)}(?!\w)", sentence):
        for span in _mask_spans(masked, surface):
            if match.end() <= span[0] or span[1] <= match.start():
                yield Mention(*names, match.span(), span)


def _mask_spans(masked: str, surface: str) -> Iterator[Span]:
    """Yield where each mask's text stands once all of them are restored."""
    grown = len(surface) - len(MASK)
    for number, mask in enumerate(re.finditer(re.escape(MASK), masked)):
        start = mask.start() + number * grown
        yield start, start + len(surface)
