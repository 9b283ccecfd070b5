"""Templates in Jinja (and Nunjucks), where braces of a text are written as expressions."""

import re
from collections.abc import Sequence

from promptsearch.errors import ExportError
from promptsearch.prompt import Field, Slot, Text, TextPart

_MARKS = re.compile(r"[{}\r]|\n\Z")
_WORDS = ("not", "none", "None", "null", "true", "True", "false", "False", "self", "__proto__")


def jinja(parts: Sequence[TextPart], subject: str) -> str:
    """Return the parts but for slots.

    Raises ExportError, whose message begins with the subject, if a field is no name in Jinja.
    """
    return "".join(_part(part, subject) for part in parts if not isinstance(part, Slot))


def escaped(text: str) -> str:
    """Return a text whose braces mean nothing, and whose line ends stay."""
    return _MARKS.sub(lambda match: f"{{{{ {_literal(match[0])} }}}}", text)


def _literal(mark: str) -> str:
    return {"\r": '"\\r"', "\n": '"\\n"'}.get(mark, f'"{mark}"')


def _part(part: Text | Field, subject: str) -> str:
    if isinstance(part, Text):
        return escaped(part.text)
    if not part.name.isidentifier() or not part.name.isascii() or part.name in _WORDS:
        raise ExportError(
            f"{subject} fills in names, but {{{part.name}}} is none; rename the column"
        )
    return f"{{{{ {part.name} }}}}"
