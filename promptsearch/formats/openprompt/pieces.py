"""The pieces of OpenPrompt's notation: text, and what stands in braces."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from promptsearch.formats.importing.contents import Location, well_formed
from promptsearch.formats.shared.python_literals import check_keys, parsed
from promptsearch.prompt_file.prompts_json import Json

KINDS = ("placeholder", "meta", "soft", "mask", "special", "text")
BESIDE = ("shortenable", "post_processing", "duplicate", "same", "soft_id", "add_prefix_space")
_NAME = re.compile(r"\w+")


@dataclass(frozen=True)
class NotationPiece:
    """Text, or the content of braces, with the space before it."""

    space: str
    kind: str
    value: str | None = None
    beside: Json = field(default_factory=dict)  # other keys


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
    if not kinds and "soft_id" in keys:
        kinds = ["soft"]  # of a group that stands before, or one without words
    if unknown := [key for key in keys if key not in (*KINDS, *BESIDE)]:
        raise location.error(f"{unknown[0]!r} means nothing in {text}; {', '.join(KINDS)} do")
    if len(kinds) != 1:
        raise location.error(f"{text} must be one of {', '.join(KINDS)}")
    (kind,) = kinds
    value = keys.get(kind)
    if value is not None and not isinstance(value, str):
        raise location.error(f"{text}: the {kind} must be a text in quotes")
    if kind in ("placeholder", "meta") and not _NAME.fullmatch(value or ""):
        raise location.error(f"{text}: {value!r} is no name of an input; use letters and digits")
    if value == "labelword" and kind == "meta":
        raise location.error("a template that OpenPrompt's generator completes, which is no prompt")
    well_formed(location, value)
    beside = {key: keys[key] for key in keys if key in BESIDE}
    return NotationPiece(space, kind, value, beside)


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
