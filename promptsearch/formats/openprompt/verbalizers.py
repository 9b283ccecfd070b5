"""OpenPrompt's verbalizers in JSON and in text."""

from collections.abc import Iterator, Sequence

from promptsearch.data.tables.json_rows import json_document
from promptsearch.files.read import ENCODING
from promptsearch.formats.importing.contents import (
    ForeignVerbalizer,
    ImportOptions,
    Location,
    shortened_json,
    well_formed,
)
from promptsearch.formats.openprompt.pieces import pieces_of

GLUED = "<!>"  # begins a word that no space goes before
Words = Sequence[Sequence[str]]  # of each label


def in_json(location: Location) -> Iterator[ForeignVerbalizer]:
    """Yield the verbalizers of an object of labels, or of a list of objects or of lists."""
    document = json_document(location.path, ENCODING)
    well_formed(location, document)
    every = document if isinstance(document, list) else [document]
    if not every:
        raise location.error("it holds no verbalizer; write label -> words")
    for choice, entry in enumerate(every):
        evidence: dict[str, object] = {"choice": choice} if len(every) > 1 else {}
        if isinstance(entry, dict) and entry:
            words = [_listed(location, label, label_words) for label, label_words in entry.items()]
            yield verbalizer_from(location, words, tuple(entry), evidence)
        elif isinstance(entry, list) and entry:
            yield verbalizer_from(
                location,
                [_listed(location, "", label_words) for label_words in entry],
                None,
                evidence,
            )
        else:
            raise location.error(f"{shortened_json(entry)} is no verbalizer; write label -> words")


def in_text(
    lines: Sequence[tuple[Location, str]], options: ImportOptions
) -> Iterator[ForeignVerbalizer]:
    """Yield the verbalizers of a text: a line a label, a blank line between two verbalizers."""
    groups: list[list[tuple[Location, str]]] = [[]]
    for location, line in lines:
        if line.strip():
            groups[-1].append((location, line.strip()))
        elif groups[-1]:
            groups.append([])
    nonempty = [group for group in groups if group]
    for choice, group in enumerate(nonempty):
        evidence: dict[str, object] = {"choice": choice} if len(nonempty) > 1 else {}
        yield _by_line(group, options, evidence)


def verbalizer_from(
    location: Location, words: Words, labels: tuple[str, ...] | None, evidence: dict[str, object]
) -> ForeignVerbalizer:
    """Return the verbalizer without the marks of glued words."""
    marked = [word.startswith(GLUED) for label_words in words for word in label_words]
    bare = tuple(tuple(word.removeprefix(GLUED) for word in label_words) for label_words in words)
    lost = () if all(marked) or not any(marked) else ("words that no space goes before get one",)
    return ForeignVerbalizer(
        location, bare, labels, glued=all(marked), evidence=evidence, lost=lost
    )


def _by_line(
    group: Sequence[tuple[Location, str]], options: ImportOptions, evidence: dict[str, object]
) -> ForeignVerbalizer:
    location = group[0][0]
    if "\t" in group[0][1]:
        raise location.error("it has tabs, as a rule file has; read it with `from` ptr")
    if any("{" in line for _, line in group):
        return verbalizer_from(
            location, [[_generated_text(at, line)] for at, line in group], None, evidence
        )
    labels = len(options.labels or (options.task.labels if options.task else ()))
    only = group[0][1].split()
    if len(group) == 1 and labels == len(only) > 1:  # FewGLUE's files have all labels on a line
        return verbalizer_from(location, [[word] for word in only], None, evidence)
    words = [[word.strip() for word in line.split(",")] for _, line in group]
    for (at, _), label_words in zip(group, words, strict=True):
        if "" in label_words:
            raise at.error("there is nothing between two commas; remove one")
    return verbalizer_from(location, words, None, evidence)


def _generated_text(location: Location, line: str) -> str:
    """Return the text of a generation verbalizer's line.

    Raises DataError if it depends on the example.
    """
    pieces = list(pieces_of(location, line))
    if dependent := [piece for piece in pieces if piece.kind != "text" or piece.value is None]:
        raise location.error(
            f"the answer is the example's own {dependent[0].value or dependent[0].kind!r}, which "
            "no verbalizer holds; give a file with words"
        )
    return "".join(f"{piece.space}{piece.value}" for piece in pieces).strip()


def _listed(location: Location, label: str, value: object) -> list[str]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(w, str) for w in words):
        subject = f"the words of {label!r} are" if label else "a label's words are"
        raise location.error(f"{subject} {shortened_json(value)}; write a list of words")
    return words
