"""What the program of some prompts needs: which lines of code are kept in it."""

import re
from collections.abc import Iterator, Sequence

from promptsearch.formats.export import ExportRequest
from promptsearch.formats.python.members import Member
from promptsearch.formats.python.model_facts import Reading
from promptsearch.prompt import Field, Part, Slot, Template, Text


def flags_of(given: ExportRequest, members: Sequence[Member], reading: Reading) -> set[str]:
    """The words that hold; `composing` says what they do."""
    settings, family = given.settings, reading.info.family
    templates = [member.prompt.template for member in members]
    verbalizers = [member.prompt.verbalizer for member in members]
    words = {
        "several": any(len(template.slots) > 1 for template in templates),
        "partial": family == "masked" and any(map(_leaves_out, members)),
        "many": any(len(answers) > 1 for own in verbalizers for answers in own.values()),
        "prior": settings.calibration != "none",
        "limited": reading.info.max_tokens is not None,
        "gguf": reading.gguf,
        "pads": reading.pads,
        "pieces": reading.pieces,
        "plain-controls": reading.plain_controls,
        "chat": reading.chat is not None,
        "ensemble": given.ensemble is not None,
        "vote": given.ensemble is not None and given.ensemble.rule == "vote",
    }
    found = {word for word, holds in words.items() if holds}
    found |= {family, settings.answer_score, f"by-{settings.length_norm}", settings.calibration}
    found |= {settings.scoring(given.kind).multi_token, given.kind}
    if family == "masked":
        found |= set(_at_slot(members, reading))
    if family == "causal":
        found |= {word for template in templates for word in _before_slot(template, reading)}
    return found | _modules(found)


def _at_slot(members: Sequence[Member], reading: Reading) -> Iterator[str]:
    """Whether it is known what stands before the one slot, and which answers are one token."""
    prompts = [member.prompt for member in members]
    last = [message_of(prompt.template)[-1:] for prompt in prompts]
    words = {part.text[-1].isspace() for own in last for part in own if isinstance(part, Text)}
    known = all(own and isinstance(own[0], Text) for own in last) and len(words) == 1
    if not known or any(len(prompt.template.slots) > 1 for prompt in prompts):
        return
    yield "fixed"
    if spaced := words.pop():
        yield "spaced"
    answers = {text for p in prompts for ((_, text),) in p.verbalizer.answers}
    lines = [(" " * spaced + text,) for text in answers]
    if all(len(ids) == 1 for ids in reading.tokens.encode_continuation(lines)):
        yield "one-token"


def _modules(flags: set[str]) -> set[str]:
    """What only some programs import."""
    words = {
        "math": "vote" in flags or {"many", "mean"} <= flags,
        "accumulate": "causal" in flags,
        "passes": "seq2seq" in flags or ("facts" in flags and "one-token" not in flags),
    }
    return {word for word, holds in words.items() if holds}


def _leaves_out(member: Member) -> bool:
    slots = len(member.prompt.template.slots)
    return any(len(answer) < slots for answer in member.prompt.verbalizer.answers)


def message_of(template: Template) -> tuple[Part, ...]:
    """What stands before the first slot: in a chat, the user's message."""
    first = next(i for i, part in enumerate(template.parts) if isinstance(part, Slot))
    return template.parts[:first]


def _before_slot(template: Template, reading: Reading) -> Iterator[str]:
    """What must be looked after where a causal model reads this template."""
    message = message_of(template)
    words = [part.text for part in message if isinstance(part, Text)]
    if reading.chat is None:
        if not words:
            yield "bare"
        if not reading.lead and not any(re.search(r"\S\s", text) for text in words):
            yield "early"
        return
    if not is_bounded(message):
        yield "stripped"
    prefix = reading.chat.prefix
    if prefix and not prefix[-1].isspace() and message and isinstance(message[-1], Field):
        yield "begun"


def is_bounded(message: Sequence[Part]) -> bool:
    """Whether it is known where white space ends at both of its ends."""
    ends = (message[0], message[-1]) if message else ()
    return all(isinstance(part, Text) and part.text.strip() for part in ends)
