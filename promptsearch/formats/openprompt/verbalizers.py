"""OpenPrompt's verbalizers in JSON and in text."""

from collections.abc import Iterator, Sequence

from promptsearch.data.tables.json_rows import json_document
from promptsearch.files.reading import ENCODING
from promptsearch.formats.importing.contents import (
    ForeignVerbalizer,
    ImportOptions,
    Location,
    shown,
    well_formed,
)
from promptsearch.formats.openprompt.notation import pieces_of

GLUED = "<!>"  # begins a word that no space goes before
Words = Sequence[Sequence[str]]  # of each label


def in_json(place: Location) -> Iterator[ForeignVerbalizer]:
    """An object of labels, or a list of such: of objects, or of lists that go by position."""
    document = json_document(place.path, ENCODING)
    well_formed(place, document)
    every = document if isinstance(document, list) else [document]
    if not every:
        raise place.error("it holds no verbalizer; write label -> words")
    for choice, one in enumerate(every):
        evidence: dict[str, object] = {"choice": choice} if len(every) > 1 else {}
        if isinstance(one, dict) and one:
            words = [_listed(place, label, own) for label, own in one.items()]
            yield found(place, words, tuple(one), evidence)
        elif isinstance(one, list) and one:
            yield found(place, [_listed(place, "", own) for own in one], None, evidence)
        else:
            raise place.error(f"{shown(one)} is no verbalizer; write label -> words")


def in_text(
    lines: Sequence[tuple[Location, str]], given: ImportOptions
) -> Iterator[ForeignVerbalizer]:
    """A line a label; a blank one parts two verbalizers."""
    groups: list[list[tuple[Location, str]]] = [[]]
    for place, line in lines:
        if line.strip():
            groups[-1].append((place, line.strip()))
        elif groups[-1]:
            groups.append([])
    kept = [group for group in groups if group]
    for choice, group in enumerate(kept):
        evidence: dict[str, object] = {"choice": choice} if len(kept) > 1 else {}
        yield _by_line(group, given, evidence)


def found(
    place: Location, words: Words, labels: tuple[str, ...] | None, evidence: dict[str, object]
) -> ForeignVerbalizer:
    """The verbalizer, with the marks of glued words taken off."""
    marked = [word.startswith(GLUED) for own in words for word in own]
    bare = tuple(tuple(word.removeprefix(GLUED) for word in own) for own in words)
    lost = () if all(marked) or not any(marked) else ("words that no space goes before get one",)
    return ForeignVerbalizer(place, bare, labels, glued=all(marked), evidence=evidence, lost=lost)


def _by_line(
    group: Sequence[tuple[Location, str]], given: ImportOptions, evidence: dict[str, object]
) -> ForeignVerbalizer:
    place = group[0][0]
    if "\t" in group[0][1]:
        raise place.error("it has tabs, as a rule file has; read it with --from ptr")
    if any("{" in line for _, line in group):
        return found(place, [[_said(at, line)] for at, line in group], None, evidence)
    labels = len(given.labels or (given.task.labels if given.task else ()))
    only = group[0][1].split()
    if len(group) == 1 and labels == len(only) > 1:  # FewGLUE's files have all labels on a line
        return found(place, [[word] for word in only], None, evidence)
    words = [[word.strip() for word in line.split(",")] for _, line in group]
    for (at, _), own in zip(group, words, strict=True):
        if "" in own:
            raise at.error("there is nothing between two commas; remove one")
    return found(place, words, None, evidence)


def _said(place: Location, line: str) -> str:
    """The text of a line of a generation verbalizer; it must not depend on the example."""
    pieces = list(pieces_of(place, line))
    if other := [piece for piece in pieces if piece.kind != "text" or piece.value is None]:
        raise place.error(
            f"the answer is the example's own {other[0].value or other[0].kind!r}, which no "
            "verbalizer holds; give a file with words"
        )
    return "".join(f"{piece.space}{piece.value}" for piece in pieces).strip()


def _listed(place: Location, label: str, own: object) -> list[str]:
    words = [own] if isinstance(own, str) else own
    if not isinstance(words, list) or not words or not all(isinstance(w, str) for w in words):
        said = f"the words of {label!r} are" if label else "a label's words are"
        raise place.error(f"{said} {shown(own)}; write a list of words")
    return words
