"""Check that verbalizers of files are of one task."""

from collections.abc import Mapping, Sequence

from promptsearch.errors import listed
from promptsearch.formats.importing.contents import ForeignVerbalizer


def check_same_labels(verbalizers: Sequence[ForeignVerbalizer], renamed: Mapping[str, str]) -> None:
    """Raise DataError if verbalizers have different labels: they are of several tasks.

    Every template goes with every verbalizer, so they would make prompts that nobody published.
    Lists without labels go by position, which `input_names` checks.
    """
    named = [
        (foreign, [renamed.get(o, o) for o in foreign.labels])
        for foreign in verbalizers
        if foreign.labels
    ]
    for foreign, labels in named[1:]:
        first, known = named[0]
        if set(labels) != set(known):
            raise foreign.location.error(
                f"its labels are {listed(labels)}, but those of {_where(first, foreign)} are "
                f"{listed(known)}, so they are of several tasks; import one task's folder at "
                "a time"
            )


def _where(first: ForeignVerbalizer, second: ForeignVerbalizer) -> str:
    path, line = first.location
    return f"line {line}" if path == second.location.path and line else str(path)
