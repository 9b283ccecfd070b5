"""Options that differ from row to row: [O] stands for an option of each choice, [O1], [O2], ..."""

from collections.abc import Iterator, Sequence

from promptsearch.errors import PromptError
from promptsearch.prompt.parts import Option, Part, Separator, Text

EACH_CHOICE = "O"  # the name of the slot that stands for all of them


def has_row_options(parts: Sequence[object]) -> bool:
    """Return whether the options are the choices of a row."""
    return any(isinstance(part, Option) and part.name == EACH_CHOICE for part in parts)


def check_row_options(parts: Sequence[object], notation: str) -> None:
    """Raise PromptError unless [O] is the only option, with nothing behind it but [SEP]."""
    options = [part for part in parts if isinstance(part, Option)]
    if len(options) > 1 or len(parts) < 3 or not isinstance(parts[1], Separator):
        raise PromptError(
            f"the template {notation!r} has [O], which is every choice of a row as an option; "
            "write [SEP] and the question right after it, and no other option"
        )


def with_row_options(parts: Sequence[Part], choices: Sequence[str]) -> Iterator[Part]:
    """Yield the parts with an option for each choice. Raises PromptError if there is none."""
    if not choices:
        raise PromptError("the template has [O], for the choices of a row, and this row has none")
    for part in parts:
        if not (isinstance(part, Option) and part.name == EACH_CHOICE):
            yield part
            continue
        for slot, choice in zip(choice_slots(len(choices)), choices, strict=True):
            yield Option(slot)
            yield Text(choice)


def choice_slots(count: int) -> list[str]:
    """Return the slots of the options of so many choices."""
    return [f"{EACH_CHOICE}{number}" for number in range(1, count + 1)]
