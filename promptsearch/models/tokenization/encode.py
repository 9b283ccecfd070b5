"""Filled prompts to ids: the slots become control tokens, everything else stays text."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from promptsearch.errors import ModelError
from promptsearch.models.tokenization.control_tokens import TRIGGER_PLACEHOLDER
from promptsearch.models.tokenization.tokenizer import TokenizerInput, Tokens
from promptsearch.models.tokenization.truncate import shortened
from promptsearch.prompt import (
    Answer,
    Filled,
    Input,
    Option,
    Separator,
    Slot,
    Soft,
    Text,
    Trigger,
)
from promptsearch.prompt.parts import FilledPart

SlotContexts = tuple[tuple[str, str], ...]  # (slot, what stands before it) in order
Room = Callable[[SlotContexts], int]  # how many tokens a text with these slots may have


@dataclass(frozen=True)
class Encoded:
    """One text as ids, its slots as single control tokens."""

    ids: list[int]
    slots: tuple[int, ...]  # positions in ids
    slot_contexts: SlotContexts
    cut: bool = False  # whether its inputs were shortened, to leave room for answers


def line_of(filled: Filled, controls: Sequence[int]) -> TokenizerInput:
    """Return a prompt's line; its n-th slot is the n-th of `controls` (the last one repeats).

    A trigger is TRIGGER_PLACEHOLDER in it: see `insert_triggers`.
    """
    line: list[str | int] = []
    slots = 0
    for part in filled:
        if isinstance(part, Slot):
            line.append(controls[min(slots, len(controls) - 1)])
            slots += 1
        else:
            line.append(text_or_placeholder(part))
    return tuple(line)


def text_or_placeholder(part: FilledPart) -> str | int:
    """Return what stands in a line for a part: its text, or the mark of a token by its id."""
    if isinstance(part, Trigger):
        return TRIGGER_PLACEHOLDER
    if isinstance(part, Separator):
        assert part.token is not None, "a text with options gets the model's when it is planned"
        return part.token
    assert isinstance(part, Text | Input), "soft tokens are numbered, prefixes and heads apart"
    return part.text


def insert_triggers(ids: list[int], filled: Filled) -> list[int]:
    """Return the ids with the prompt's triggers instead of their placeholders."""
    triggers = [part.token for part in filled if isinstance(part, Trigger)]
    if not triggers:
        return ids
    positions = [position for position, token in enumerate(ids) if token == TRIGGER_PLACEHOLDER]
    if len(positions) != len(triggers):
        raise ModelError("this tokenizer does not keep places for triggers apart from text")
    with_triggers = list(ids)
    for position, token in zip(positions, triggers, strict=True):
        with_triggers[position] = token
    return with_triggers


def encode(
    texts: Sequence[Filled], tokens: Tokens, controls: Sequence[int], room: Room
) -> list[Encoded]:
    """Return all texts as ids; a text with more tokens than its slots leave room for is cut."""
    ids = tokens.encode([line_of(filled, controls) for filled in texts])
    encoded = []
    for filled, text_ids in zip(texts, ids, strict=True):
        contexts = slot_contexts(filled)
        if cut := len(text_ids) > room(contexts):
            filled, text_ids = _cut(filled, tokens, controls, room(contexts))
        slots = _slots(text_ids, controls, len(contexts))
        encoded.append(Encoded(insert_triggers(text_ids, filled), slots, contexts, cut))
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
    """Return the positions of the first `count` controls: the slots, as no text spells one."""
    slots: list[int] = []
    for number in range(count):
        control = controls[min(number, len(controls) - 1)]
        slots.append(ids.index(control, slots[-1] + 1 if slots else 0))
    return tuple(slots)


def slot_contexts(filled: Filled) -> SlotContexts:
    """Return each slot with its left context: "start", "space", or "text" right against it.

    The answer before an option is a word by itself, as at the start of a text.
    """
    contexts: list[tuple[str, str]] = []
    before = "start"
    for part in filled:
        if isinstance(part, Slot):
            contexts.append((part.name, "start" if isinstance(part, Option) else before))
        if isinstance(part, Slot | Soft | Trigger):
            before = "text"
        elif isinstance(part, Text | Input) and part.text:
            before = "space" if part.text[-1].isspace() else "text"
    return tuple(contexts)


def answer_ids(
    answers: Sequence[Answer], contexts: SlotContexts, tokens: Tokens
) -> list[Mapping[str, tuple[int, ...]]]:
    """Return for each answer the ids of its text in each slot of the text that it fills."""
    slots = dict(contexts)
    ids_of: dict[tuple[str, str], tuple[int, ...]] = {}
    for slot, before in contexts:
        texts_of_slot = (text for answer in answers for name, text in answer if name == slot)
        texts = list(dict.fromkeys(texts_of_slot))
        for text, ids in zip(texts, _ids(texts, before, tokens), strict=True):
            ids_of[slot, text] = ids
    return [
        {slot: _require_tokens(ids_of[slot, text], text) for slot, text in answer if slot in slots}
        for answer in answers
    ]


def _ids(texts: Sequence[str], before: str, tokens: Tokens) -> list[tuple[int, ...]]:
    match before:
        case "start":
            return list(map(tuple, tokens.encode([(text,) for text in texts], special=False)))
        case "space":
            return list(map(tuple, tokens.encode_continuation([(" " + text,) for text in texts])))
        case _:
            return list(map(tuple, tokens.encode_continuation([(text,) for text in texts])))


def _require_tokens(ids: tuple[int, ...], text: str) -> tuple[int, ...]:
    if not ids:
        raise ModelError(
            f"the answer {text!r} has no tokens in this model's vocabulary; use another answer"
        )
    return ids
