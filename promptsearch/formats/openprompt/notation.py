"""OpenPrompt's notation of templates, read as its `parse_text` reads it."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from promptsearch.errors import PromptError
from promptsearch.formats.importing.contents import Location, well_formed
from promptsearch.formats.shared.python_literals import check_keys, parsed
from promptsearch.prompt import Field, Part, Slot, Template, Text

KINDS = ("placeholder", "meta", "soft", "mask", "special", "text")
BESIDE = ("shortenable", "post_processing", "duplicate", "same", "soft_id", "add_prefix_space")
_MASK = re.compile(r"\{\s*(['\"])mask\1")
_NAME = re.compile(r"\w+")

UnreadableNotation = tuple[str, ...]


@dataclass(frozen=True)
class NotationPiece:
    """Text, or the content of braces, with the space before it."""

    space: str
    kind: str
    value: str | None = None
    beside: tuple[str, ...] = ()  # other keys


def holds_mask(line: str) -> bool:
    """Return whether the line is a template, which holds a mask."""
    return _MASK.search(line) is not None


def template_of(location: Location, line: str) -> tuple[Template, UnreadableNotation]:
    """Return the template, and its losses. Raises DataError if the line means nothing."""
    pieces = list(pieces_of(location, line))
    kept_pieces = list(_without_control_tokens(pieces))
    masks = sum(piece.kind == "mask" for piece in pieces)
    names = iter([f"Z{number + 1}" for number in range(masks)] if masks > 1 else ["Z"])
    parts: list[Part] = []
    for piece in kept_pieces:
        parts += _parts(location, piece, names)
    if not masks:
        raise location.error(f'{line[:40]!r} has no {{"mask"}}; write it where the word stands')
    try:
        template = Template(tuple(parts))
    except PromptError as error:
        raise location.error(error) from None
    return template, tuple(dict.fromkeys(note for piece in pieces for note in _lost(piece)))


def pieces_of(location: Location, line: str) -> Iterator[NotationPiece]:
    """Yield the pieces in order; several spaces are one, those at the end none."""
    at = 0
    while (start := at + len(line[at:]) - len(line[at:].lstrip(" "))) < len(line):
        space = " " if start > at or line[at - 1 : at] == " " else ""
        if line[start] != "{":
            at = line.find("{", start)
            at = len(line) if at < 0 else at
            yield NotationPiece(space, "text", line[start:at].rstrip(" "))
        else:
            at = _closed(location, line, start)
            yield _braced(location, space, line[start:at])


def _closed(location: Location, line: str, start: int) -> int:
    """Return the index behind the brace that closes the one at `start`."""
    depth = 0
    for at in range(start, len(line)):
        depth += {"{": 1, "}": -1}.get(line[at], 0)
        if depth == 0:
            return at + 1
    raise location.error(f"the brace at character {start + 1} is never closed; write }} behind it")


def _braced(location: Location, space: str, text: str) -> NotationPiece:
    keys = _keys(location, text)
    kinds = [kind for kind in KINDS if kind in keys]
    if unknown := [key for key in keys if key not in (*KINDS, *BESIDE)]:
        raise location.error(f"{unknown[0]!r} means nothing in {text}; {', '.join(KINDS)} do")
    if len(kinds) != 1:
        raise location.error(f"{text} must be one of {', '.join(KINDS)}")
    (kind,) = kinds
    value = keys[kind]
    if value is not None and not isinstance(value, str):
        raise location.error(f"{text}: the {kind} must be a text in quotes")
    if kind in ("placeholder", "meta") and not _NAME.fullmatch(value or ""):
        raise location.error(f"{text}: {value!r} is no name of an input; use letters and digits")
    if value == "labelword" and kind == "meta":
        raise location.error("a template that OpenPrompt's generator completes, which is no prompt")
    well_formed(location, value)
    return NotationPiece(space, kind, value, tuple(key for key in keys if key in BESIDE))


def _keys(location: Location, text: str) -> Mapping[str, object]:
    """Return the keys and values between braces; None for values that are computed."""
    expression = parsed(location, text)
    check_keys(location, expression)
    match expression:
        case ast.Set(elts=elements):
            pairs: list[tuple[ast.expr | None, ast.expr | None]] = [
                (element, None) for element in elements
            ]
        case ast.Dict(keys=keys, values=values):
            pairs = list(zip(keys, values, strict=True))
        case _:
            pairs = []
    value_of_key: dict[str, object] = {}
    for key, value in pairs:
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            raise location.error(f'{text} cannot be read; write {{"mask"}} or {{"meta": "name"}}')
        value_of_key[key.value] = value.value if isinstance(value, ast.Constant) else None
    return value_of_key


def _without_control_tokens(pieces: Sequence[NotationPiece]) -> Iterator[NotationPiece]:
    """Yield the pieces but control tokens and soft ones without words.

    The space before them stays.
    """
    has_started, dropped, space = False, False, ""
    for piece in pieces:
        if piece.kind == "special" or (piece.kind == "soft" and piece.value is None):
            dropped, space = True, space or piece.space
        else:
            joined_space = space or piece.space
            yield replace(piece, space="" if dropped and not has_started else joined_space)
            has_started, dropped, space = True, False, ""


def _parts(location: Location, piece: NotationPiece, names: Iterator[str]) -> list[Part]:
    space = Text(piece.space)
    match piece:
        case NotationPiece(kind="mask"):
            return [space, Slot(next(names))]
        case NotationPiece(kind="placeholder" | "meta", value=str(name)):
            return [space, Field(name)]
        case NotationPiece(kind="text" | "soft", value=str(text)):
            return [space, Text(text)]
    raise location.error(f'{{"{piece.kind}"}} needs a value, such as {{"{piece.kind}": "..."}}')


def _lost(piece: NotationPiece) -> Iterator[str]:
    """Yield notes on meanings of a piece that a template cannot hold."""
    if piece.kind == "soft":
        yield "soft tokens are not tuned; those without words are left out"
    if piece.kind == "special":
        yield f"the control token {piece.value} is left out"
    if "post_processing" in piece.beside:
        yield f"OpenPrompt changes {piece.value} before it is filled in (post_processing)"
    if "shortenable" in piece.beside:
        yield "which inputs may be cut (shortenable) is not held"
