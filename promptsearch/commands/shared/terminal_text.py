"""Text for a terminal: templates and data may hold codes that move its cursor or set its title."""

import json
import re
import shlex
import shutil
import sys
from unicodedata import combining, east_asian_width

import rich_click as click

# Control characters but tab and line feed, and marks that turn the direction of what follows.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_LINE_ENDS = str.maketrans({"\n": "\\n", "\t": "\\t", "\u2028": "\\u2028", "\u2029": "\\u2029"})
_NARROWEST = 24  # columns that a cut text keeps


def printable(text: str) -> str:
    """Return the text with its control characters written out: an escape is `\\x1b`."""
    return _CONTROLS.sub(lambda match: ascii(match[0])[1:-1], text)


def in_one_line(text: str) -> str:
    r"""Return the text with its line ends and tabs written out, as `\n` and `\t`, too."""
    return printable(text).translate(_LINE_ENDS)


def echo(text: str, *, err: bool = False, nl: bool = True) -> None:
    """Print a text, its control characters written out."""
    click.echo(printable(text), err=err, nl=nl)


def json_text(document: object) -> str:
    """Return a document as JSON without NaN, its control characters escaped as JSON has it."""
    text = json.dumps(document, ensure_ascii=False, indent=1, allow_nan=False)
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def width(text: str) -> int:
    """Return the columns that a text takes in a terminal."""
    return sum(
        0 if combining(sign) else 2 if east_asian_width(sign) in "WF" else 1 for sign in text
    )


def cut_to_terminal(text: str, used: int) -> str:
    """Return the text, cut to what a terminal's line has left; whole where none is looking."""
    if not sys.stdout.isatty():
        return text
    room = max(_NARROWEST, shutil.get_terminal_size().columns - used)
    if width(text) <= room:
        return text
    while width(text) > room - 1:
        text = text[:-1]
    return f"{text}…"


def command_line(*words: object) -> str:
    """Return a command of ours to paste into a shell, each of its words quoted where needed."""
    return shlex.join(["promptsearch", *map(str, words)])
