"""Filled prompts to ids: the slots become control tokens, everything else stays text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from promptsearch.errors import ModelError
from promptsearch.models.tokenization.control_markers import TRIGGER_PLACEHOLDER
from promptsearch.models.tokenization.tokenizer import TokenizerInput, Tokens
from promptsearch.models.tokenization.truncate import shortened
from promptsearch.prompt import Answer, Filled, Slot, Trigger

Places = tuple[tuple[str, str], ...]  # (slot, what stands before it) in order
Room = Callable[[Places], int]  # how many tokens a text with these slots may have


@dataclass(frozen=True)
class Encoded:
    """One text as ids, its slots as single control tokens."""

    ids: list[int]
    slots: tuple[int, ...]  # positions in ids
    places: Places


def line_of(filled: Filled, controls: Sequence[int]) -> TokenizerInput:
    """The line of a prompt; its n-th slot is the n-th of `controls` (the last one repeats).

    A trigger is a hole in it: see `planted`.
    """
    line: list[str | int] = []
    slots = 0
    for part in filled:
        if isinstance(part, Slot):
            line.append(controls[min(slots, len(controls) - 1)])
            slots += 1
        else:
            line.append(TRIGGER_PLACEHOLDER if isinstance(part, Trigger) else part.text)
    return tuple(line)


def insert_triggers(ids: list[int], filled: Filled) -> list[int]:
    """The ids with the prompt's triggers in their holes."""
    triggers = [part.token for part in filled if isinstance(part, Trigger)]
    if not triggers:
        return ids
    places = [place for place, token in enumerate(ids) if token == TRIGGER_PLACEHOLDER]
    if len(places) != len(triggers):
        raise ModelError("this tokenizer does not keep places for triggers apart from text")
    full = list(ids)
    for place, token in zip(places, triggers, strict=True):
        full[place] = token
    return full


def encode(
    texts: Sequence[Filled], tokens: Tokens, controls: Sequence[int], room: Room
) -> list[Encoded]:
    """All texts as ids; inputs are cut where a text has more tokens than its places leave room."""
    ids = tokens.encode([line_of(filled, controls) for filled in texts])
    encoded = []
    for filled, own in zip(texts, ids, strict=True):
        places = places_of(filled)
        if len(own) > room(places):
            filled, own = _cut(filled, tokens, controls, room(places))
        slots = _slots(own, controls, len(places))
        encoded.append(Encoded(insert_triggers(own, filled), slots, places))
    return encoded


def _cut(
    filled: Filled, tokens: Tokens, controls: Sequence[int], room: int
) -> tuple[Filled, list[int]]:
    everywhere = range(len(filled))
    short = shortened(
        filled, lambda other: (line_of(other, controls), everywhere), tokens, room, True
    )
    return short, tokens.encode([line_of(short, controls)])[0]


def _slots(ids: list[int], controls: Sequence[int], count: int) -> tuple[int, ...]:
    """Where the first `count` controls stand; no text can spell one, so these are the slots."""
    slots: list[int] = []
    for number in range(count):
        control = controls[min(number, len(controls) - 1)]
        slots.append(ids.index(control, slots[-1] + 1 if slots else 0))
    return tuple(slots)


def places_of(filled: Filled) -> Places:
    """Each slot with what stands before it: "start", "space", or "text" right against it."""
    places: list[tuple[str, str]] = []
    before = "start"
    for part in filled:
        if isinstance(part, Slot):
            places.append((part.name, before))
        if isinstance(part, Slot | Trigger):
            before = "text"
        elif part.text:
            before = "space" if part.text[-1].isspace() else "text"
    return tuple(places)


def answer_ids(
    answers: Sequence[Answer], places: Places, tokens: Tokens
) -> list[Mapping[str, tuple[int, ...]]]:
    """Per answer, the ids of its text in each slot it fills, as they are in that place."""
    found: dict[tuple[str, str], tuple[int, ...]] = {}
    for slot, before in places:
        own = (text for answer in answers for name, text in answer if name == slot)
        texts = list(dict.fromkeys(own))
        for text, ids in zip(texts, _ids(texts, before, tokens), strict=True):
            found[slot, text] = ids
    return [{slot: _some(found[slot, text], text) for slot, text in answer} for answer in answers]


def _ids(texts: Sequence[str], before: str, tokens: Tokens) -> list[tuple[int, ...]]:
    match before:
        case "start":
            return list(map(tuple, tokens.encode([(text,) for text in texts], special=False)))
        case "space":
            return list(map(tuple, tokens.encode_continuation([(" " + text,) for text in texts])))
        case _:
            return list(map(tuple, tokens.encode_continuation([(text,) for text in texts])))


def _some(ids: tuple[int, ...], text: str) -> tuple[int, ...]:
    if not ids:
        raise ModelError(
            f"the answer {text!r} has no tokens in this model's vocabulary; use another answer"
        )
    return ids
