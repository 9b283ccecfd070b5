"""OpenPrompt's notation of templates, read as its `parse_text` reads it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from promptsearch.errors import PromptError
from promptsearch.formats.importing.contents import Location
from promptsearch.formats.openprompt.pieces import NotationPiece, pieces_of
from promptsearch.formats.openprompt.soft_pieces import SoftPieces, Words
from promptsearch.prompt import Field, Part, Slot, Soft, Template, Text

AS_TEXT = "soft tokens with words are text; with `model` they are vectors that start as these"
LEFT_OUT = (
    "soft tokens without words are left out; promptsearch soft --template trains them, where "
    "[S1:2] stands for two"
)
_MASK = re.compile(r"\{\s*(['\"])mask\1")

UnreadableNotation = tuple[str, ...]


def holds_mask(line: str) -> bool:
    """Return whether the line is a template, which holds a mask."""
    return _MASK.search(line) is not None


def template_of(
    location: Location, line: str, words: Words | None = None
) -> tuple[Template, UnreadableNotation]:
    """Return the template, and its losses. Raises DataError if the line means nothing.

    With `words` its soft tokens are soft parts; of those without words the vectors are missing.
    """
    pieces = list(pieces_of(location, line))
    if not any(piece.kind == "mask" for piece in pieces):
        raise location.error(f'{line[:40]!r} has no {{"mask"}}; write it where the word stands')
    try:
        template = Template(tuple(_all_parts(location, pieces, words)))
    except PromptError as error:
        raise location.error(error) from None
    notes = (note for piece in pieces for note in _lost(piece, words is not None))
    return template, tuple(dict.fromkeys(notes))


def _all_parts(
    location: Location, pieces: Sequence[NotationPiece], words: Words | None
) -> Iterator[Part]:
    masks = sum(piece.kind == "mask" for piece in pieces)
    names = iter([f"Z{number + 1}" for number in range(masks)] if masks > 1 else ["Z"])
    soft = None if words is None else SoftPieces(location, words)
    for piece in _without_control_tokens(pieces, soft is not None):
        yield from _parts(location, piece, names, soft)


def _without_control_tokens(
    pieces: Sequence[NotationPiece], with_soft: bool
) -> Iterator[NotationPiece]:
    """Yield the pieces but control tokens and, if not `with_soft`, soft ones without words.

    The space before them stays.
    """
    has_started, dropped, space = False, False, ""
    for piece in pieces:
        if piece.kind == "special" or (_is_wordless(piece) and not with_soft):
            dropped, space = True, space or piece.space
        else:
            joined_space = space or piece.space
            yield replace(piece, space="" if dropped and not has_started else joined_space)
            has_started, dropped, space = True, False, ""


def _is_wordless(piece: NotationPiece) -> bool:
    return piece.kind == "soft" and not piece.value


def _parts(
    location: Location, piece: NotationPiece, names: Iterator[str], soft: SoftPieces | None
) -> list[Part]:
    space = Text(piece.space)
    if piece.kind == "soft" and soft is not None:
        return _joined(space, soft.parts(piece))
    match piece:
        case NotationPiece(kind="mask"):
            return [space, Slot(next(names))]
        case NotationPiece(kind="placeholder" | "meta", value=str(name)):
            return [space, Field(name)]
        case NotationPiece(kind="text" | "soft", value=str(text)):
            return [space, Text(text)]
    raise location.error(f'{{"{piece.kind}"}} needs a value, such as {{"{piece.kind}": "..."}}')


def _joined(space: Text, soft: Sequence[Soft]) -> list[Part]:
    """Return soft parts with spaces between them, and one before them if there was."""
    first, *others = soft
    return [space, first, *(part for each in others for part in (Text(" "), each))]


def _lost(piece: NotationPiece, with_soft: bool) -> Iterator[str]:
    """Yield notes on meanings of a piece that a template cannot hold."""
    if piece.kind == "soft" and not with_soft:
        yield LEFT_OUT if _is_wordless(piece) else AS_TEXT
    if piece.kind == "special":
        yield f"the control token {piece.value} is left out"
    if "post_processing" in piece.beside:
        yield f"OpenPrompt changes {piece.value} before it is filled in (post_processing)"
    if "shortenable" in piece.beside:
        yield "which inputs may be cut (shortenable) is not held"
