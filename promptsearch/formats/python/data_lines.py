"""The data of a program: its templates, answers and expected outputs as Python source."""

from collections.abc import Iterator, Sequence

from promptsearch.formats.python.conditions import is_bounded, message_of
from promptsearch.formats.python.expected_rows import Row
from promptsearch.formats.python.literals import (
    answers_source,
    candidates_source,
    expected_source,
    listed,
    literal,
    numbers_source,
    part_source,
)
from promptsearch.formats.python.members import Member
from promptsearch.formats.python.model_facts import Half, Reading
from promptsearch.prompt import Part, Template, Text, Verbalizer


def reading_lines(reading: Reading, members: Sequence[Member]) -> Iterator[str]:
    """What the model's way of reading puts into every template."""
    if reading.info.family == "seq2seq":
        slots = max(len(member.prompt.template.slots) for member in members)
        yield f"SENTINELS = {listed(map(literal, reading.sentinels[:slots]))}"
    if reading.chat is not None:
        yield f"OPENING = {_half(reading.chat.opening)}"
        yield f"CLOSING = {_half(reading.chat.closing)}"


def single_lines(member: Member, reading: Reading, answers: Sequence[str]) -> Iterator[str]:
    """One prompt; `answers` are its verbalizer's lines."""
    yield f"TEMPLATE = {template_source(member.prompt.template, reading)}"
    yield from answers
    if member.prior is not None:
        yield f"PRIOR = {numbers_source(member.prior)}  # log p that is taken away"


def ensemble_lines(
    members: Sequence[Member], reading: Reading, names: Sequence[str]
) -> Iterator[str]:
    """Prompts with their weights; `names` are of their answers."""
    yield f"MEMBERS = [  # weight, template, answers{', prior' * (members[0].prior is not None)}"
    for member, name in zip(members, names, strict=True):
        template = template_source(member.prompt.template, reading)
        prior = "" if member.prior is None else f", {numbers_source(member.prior)}"
        yield f"    ({member.weight!r}, {template}, {name}{prior}),"
    yield "]"


def answers_lines(name: str, verbalizer: Verbalizer, several: bool) -> Iterator[str]:
    """Of labels."""
    yield f"{name} = {answers_source(verbalizer, several)}"


def candidates_lines(verbalizer: Verbalizer, file: str | None) -> Iterator[str]:
    """Of facts, whose candidates may stand in a file beside the program."""
    if file is None:
        yield f"CANDIDATES = {candidates_source(verbalizer.labels)}"
    else:
        yield f"CANDIDATES = json.loads(Path(__file__).with_name({literal(file)}).read_text())"
    yield "ANSWERS = {text: [text] for text in CANDIDATES}"


def expected_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Rows with log p of labels."""
    if rows:
        yield f"EXPECTED = {expected_source(rows)}"


def template_source(template: Template, reading: Reading) -> str:
    """A list of parts; in a chat, with what its template puts around them."""
    if reading.chat is None:
        return listed(map(part_source, template.parts))
    message = message_of(template)
    reply = template.parts[len(message) :]
    begun = _begun(message, reading.chat.prefix)
    around = [literal(begun)] if begun else []
    parts = map(part_source, _stripped(message) if is_bounded(message) else message)
    return listed(["*OPENING", *parts, "*CLOSING", *around, *map(part_source, reply)])


def _begun(message: Sequence[Part], prefix: str) -> str:
    """The reply up to the answer: a space joins them where one stands before the slot."""
    last = message[-1] if message else Text(" ")
    spaced = isinstance(last, Text) and last.text[-1].isspace()
    return prefix + " " if prefix and spaced and not prefix[-1].isspace() else prefix


def _stripped(message: Sequence[Part]) -> list[Part]:
    """Without white space at the ends, which are text."""
    parts = list(message)
    for end, strip in ((0, str.lstrip), (-1, str.rstrip)):
        part = parts[end]
        assert isinstance(part, Text), "the message is bounded"
        parts[end] = Text(strip(part.text))
    return parts


def _half(half: Half) -> str:
    return listed(
        f"Control({literal(text)})" if control else literal(text) for text, control in half
    )
