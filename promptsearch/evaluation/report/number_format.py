"""Formats of the numbers on a page."""

from collections.abc import Mapping, Sequence
from typing import Any


def number(value: object, signed: bool = False) -> str:
    """Return three decimals with a true minus; a dash if there is no number.

    >>> number(-0.5)
    '−0.500'
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "–"
    value = round(value, 3) + 0.0  # no -0.000
    return f"{value:{'+' if signed else ''}.3f}".replace("-", "−")


def interval(ends: object, signed: bool = False) -> str:
    """Return `[0.102, 0.381]`, or nothing."""
    match ends:
        case [low, high]:
            return f"[{number(low, signed)}, {number(high, signed)}]"
    return ""


def gain(scores: Mapping[str, Any] | None, rival: str = "vs_manual") -> str:
    """Return `+0.081 [+0.041, +0.120]`, the paired difference to a rival, or nothing."""
    if not scores or not (difference := scores.get(rival)):
        return ""
    return f"{number(difference['delta'], signed=True)} {interval(difference['ci95'], signed=True)}"


def sentence(text: str) -> str:
    """Return the text with a capital at its start."""
    return text[:1].upper() + text[1:]


def percent(share: float) -> str:
    """Return `4.1%`; small shares are `<0.1%`, not nothing."""
    return "<0.1%" if 0 < share < 0.0005 else f"{share:.1%}"


def count(number_of_things: int, singular: str, plural: str | None = None) -> str:
    """Return `1 prompt`, `1,200 prompts`."""
    return f"{number_of_things:,} {singular if number_of_things == 1 else plural or singular + 's'}"


def duration(seconds: float) -> str:
    """Return `40 s`, `4 min`, `2.5 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def cost_text(spent: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return `40 prompts · 3,272 forward passes · 38 s`, of those keys that are there."""
    texts = {
        "prompts": lambda n: count(int(n), "prompt"),
        "forwards": lambda n: count(int(n), "forward pass", "forward passes"),
        "tokens": lambda n: count(int(n), "token"),
        "seconds": lambda n: duration(float(n)),
    }
    return " · ".join(texts[key](spent[key]) for key in keys if key in spent)


def shortened(text: str, most: int) -> str:
    """Return the beginning of a long text.

    >>> shortened("abcdef", 4)
    'abc…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def listing(things: Sequence[str]) -> str:
    """Return `a, b and c`."""
    return " and ".join([", ".join(things[:-1]), things[-1]] if len(things) > 1 else things)
