"""The vectors of soft prompts, and the tokens nearest to them as prompts.json has them."""

from collections.abc import Sequence
from dataclasses import dataclass

from promptsearch.prompt import Soft
from promptsearch.prompt_file.prompts_json import SavedPrompt, section_of


@dataclass(frozen=True)
class NearestToken:
    """The token of the largest cosine with a vector."""

    text: str  # with the space before it, if it begins a word
    cosine: float
    norm_ratio: float  # the vector's length over the token's


@dataclass(frozen=True)
class VectorGroup:
    """A soft part of a prompt: its vectors, and the nearest token of each, if these are known."""

    prompt: str  # its id
    notation: str
    length: int
    width: int
    nearest: tuple[NearestToken, ...]


def vector_groups(prompts: Sequence[SavedPrompt]) -> list[VectorGroup]:
    """Return the soft parts of the first prompt of each soft template."""
    first: dict[str, SavedPrompt] = {}
    for saved in prompts:
        if saved.prompt.template.soft:
            first.setdefault(saved.prompt.template.notation, saved)
    return [
        _group(saved, part) for saved in first.values() for part in _distinct(saved) if part.vectors
    ]


def _distinct(saved: SavedPrompt) -> list[Soft]:
    """Return the soft parts, those of one name once."""
    return list({part.name: part for part in saved.prompt.template.soft}.values())


def _group(saved: SavedPrompt, part: Soft) -> VectorGroup:
    assert part.vectors is not None
    evidence = section_of(section_of(saved.row, "source"), "evidence")
    rows = section_of(evidence, "nearest").get(part.name)
    tokens = tuple(map(_token, rows)) if isinstance(rows, list) else ()
    complete = [token for token in tokens if token is not None]
    nearest = tuple(complete) if len(complete) == part.length else ()  # else it was edited
    return VectorGroup(saved.id, part.notation, part.length, part.vectors.rows.shape[1], nearest)


def _token(row: object) -> NearestToken | None:
    match row:
        case [str(text), int() | float() as cosine, int() | float() as ratio]:
            return NearestToken(text, float(cosine), float(ratio))
    return None
