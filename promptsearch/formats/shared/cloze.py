"""Prompts taken apart around their slot, and checks of what a format can hold."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from promptsearch.errors import ExportError
from promptsearch.formats.export import ExportRequest
from promptsearch.prompt import Answer, Field, Slot, Text, TextPart, Verbalizer
from promptsearch.prompt_file.prompts_json import SavedPrompt

_ODD = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
ELSEWHERE = "use `to` python, which holds it"


@dataclass(frozen=True)
class Cloze:
    """Template with one slot, taken apart there."""

    before: tuple[TextPart, ...]
    after: tuple[TextPart, ...]
    spaced: bool  # whether a space stands right before the slot

    @property
    def trail(self) -> str:
        """Text behind the slot, without fields."""
        return "".join(part.text for part in self.after if isinstance(part, Text))


def only_prompt(request: ExportRequest, name: str) -> SavedPrompt:
    """Return the one prompt. Raises ExportError if there are several, or an ensemble."""
    if request.ensemble is not None:
        raise ExportError(f"{name} holds one prompt, not an ensemble; {ELSEWHERE}")
    if len(request.prompts) > 1:
        raise ExportError(f"{name} holds one prompt, not {len(request.prompts)}; leave `top` out")
    return request.prompts[0]


def uncalibrated(request: ExportRequest, name: str) -> None:
    """Raise ExportError if scores are calibrated."""
    if request.settings.calibration != "none":
        raise ExportError(
            f"{name} does not hold the prior that {request.settings.calibration} calibration takes "
            f"away; {ELSEWHERE}"
        )


def cloze(saved: SavedPrompt, name: str) -> Cloze:
    """Return the template around its slot. Raises ExportError if there are several."""
    template = saved.prompt.template
    if len(template.slots) > 1:
        slots = ", ".join(f"[{slot}]" for slot in template.slots)
        raise ExportError(
            f"{saved.id}: {name} has room for one answer, but the template has the slots {slots}; "
            f"{ELSEWHERE}"
        )
    slot_index = next(i for i, part in enumerate(template.text_parts) if isinstance(part, Slot))
    before, after = template.text_parts[:slot_index], template.text_parts[slot_index + 1 :]
    last = before[-1] if before else None
    return Cloze(before, after, isinstance(last, Text) and last.text[-1].isspace())


def ending(saved: SavedPrompt, name: str) -> Cloze:
    """Return the template around its slot, for targets that end where the answer begins.

    Raises ExportError if it has several slots, or more than punctuation behind one.
    """
    parts = cloze(saved, name)
    if any(isinstance(part, Field) for part in parts.after) or re.search(r"\w", parts.trail):
        raise ExportError(
            f"{saved.id}: {name} ends where the answer begins, but the template "
            f"{saved.prompt.template.notation!r} goes on behind its slot; {ELSEWHERE}"
        )
    return parts


def trail_note(cloze_parts: Cloze, name: str) -> list[str]:
    """Return the note on punctuation that is left out."""
    trail = cloze_parts.trail
    return [f"{name} does not hold what stands behind the answer: {trail!r}"] if trail else []


def single_answers(saved: SavedPrompt, name: str) -> dict[str, str]:
    """Return label -> its answer. Raises ExportError if a label has several."""
    verbalizer = saved.prompt.verbalizer
    for label, answers in verbalizer.pairs:
        if len(answers) > 1:
            raise ExportError(
                f"{saved.id}: {name} has one answer a label, but {label!r} has {len(answers)}; "
                f"{ELSEWHERE}"
            )
    return {label: text_of(answers[0]) for label, answers in verbalizer.pairs}


def texts_of(verbalizer: Verbalizer) -> dict[str, list[str]]:
    """Return label -> the texts of its answers, of one slot."""
    return {label: list(map(text_of, answers)) for label, answers in verbalizer.pairs}


def text_of(answer: Answer) -> str:
    ((_, text),) = answer
    return text


def braced(parts: Sequence[TextPart], subject: str) -> str:
    """Return text for `str.format`: fields in braces, other braces doubled.

    Raises ExportError, whose message begins with the subject, if a field is no name.
    """
    for part in parts:
        if isinstance(part, Field) and not part.name.isidentifier():
            raise ExportError(
                f"{subject} fills in names, but {{{part.name}}} is none; rename the column in the "
                "data"
            )
    return "".join(
        f"{{{part.name}}}"
        if isinstance(part, Field)
        else part.text.replace("{", "{{").replace("}", "}}")
        for part in parts
        if not isinstance(part, Slot)
    )


def chat_of(request: ExportRequest) -> Mapping[str, object]:
    """Return the file's chat, in which its prompts were searched; empty without one."""
    return cast(Mapping[str, object], request.file.section("model").get("chat") or {})


def reply_prefix(cloze_parts: Cloze, prefix: str) -> str:
    """Return the reply up to the answer, with a space between if there is one before the slot."""
    spaced = cloze_parts.spaced or not cloze_parts.before
    return prefix + " " if prefix and spaced and not prefix[-1].isspace() else prefix


def stripped(parts: Sequence[TextPart]) -> list[TextPart]:
    """Return the parts without white space at the template's ends, as a chat does."""
    remaining = stripped_end(parts)
    if remaining and isinstance(part := remaining[0], Text):
        remaining[:1] = [Text(text)] if (text := part.text.lstrip()) else []
    return remaining


def stripped_end(parts: Sequence[TextPart]) -> list[TextPart]:
    """Return the parts without white space at the end: a model writes it with the answer."""
    remaining = list(parts)
    if remaining and isinstance(part := remaining[-1], Text):
        remaining[-1:] = [Text(text)] if (text := part.text.rstrip()) else []
    return remaining


def before_text(parts: Sequence[TextPart]) -> list[TextPart]:
    """Return the parts without the space that ends them: a model writes it with the text."""
    remaining = list(parts)
    if remaining and isinstance(part := remaining[-1], Text):
        remaining[-1:] = [Text(text)] if (text := part.text.removesuffix(" ")) else []
    return remaining


def quoted(text: str) -> str:
    """Return a string as JSON and YAML both read it, with YAML's line ends escaped."""
    return _ODD.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))
