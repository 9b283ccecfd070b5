"""Templates in Jinja (and Nunjucks), where braces of a text are written as expressions."""

import re
from collections.abc import Sequence

from promptsearch.errors import ExportError
from promptsearch.prompt import Field, Part, Slot, Text

_MARKS = re.compile(r"[{}\r]|\n\Z")


def jinja(parts: Sequence[Part], name: str) -> str:
    """Return the parts but for slots. Raises ExportError if a field is no identifier."""
    return "".join(_part(part, name) for part in parts if not isinstance(part, Slot))


def escaped(text: str) -> str:
    """Return a text whose braces mean nothing, and whose line ends stay."""
    return _MARKS.sub(lambda match: f"{{{{ {_literal(match[0])} }}}}", text)


def _literal(mark: str) -> str:
    return {"\r": '"\\r"', "\n": '"\\n"'}.get(mark, f'"{mark}"')


def _part(part: Text | Field, name: str) -> str:
    if isinstance(part, Text):
        return escaped(part.text)
    if not part.name.isidentifier() or not part.name.isascii():
        raise ExportError(f"{name} fills in names, but {{{part.name}}} is none; rename the column")
    return f"{{{{ {part.name} }}}}"
