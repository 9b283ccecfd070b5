"""Verbalizers of PET and PETAL in JSON and in text."""

from collections.abc import Iterator, Mapping, Sequence

from promptsearch.formats.importing.contents import ForeignVerbalizer, Location, shown

Words = Mapping[str, Sequence[str]]


def in_json(place: Location, document: object) -> Iterator[ForeignVerbalizer]:
    """Label -> words, alone, by name ("MnliPVP.VERBALIZER_A", also by language), or by pattern."""
    found = list(_inside(place, document, ()))
    if not found:
        raise place.error("it holds no verbalizer; write label -> words")
    yield from found


def _inside(place: Location, value: object, path: tuple[str, ...]) -> Iterator[ForeignVerbalizer]:
    match value:
        case dict() if value and all(isinstance(own, dict) for own in value.values()):
            for name, own in value.items():
                yield from _inside(place, own, (*path, name))
        case dict() if value:
            yield _named(
                place, {label: _listed(place, label, own) for label, own in value.items()}, path
            )
        case _:
            raise place.error(f"{shown(value)} is no verbalizer; write label -> words")


def _named(place: Location, words: Words, path: tuple[str, ...]) -> ForeignVerbalizer:
    """The verbalizer of a name or of a pattern; a name's part before the point is its group."""
    answers, labels = tuple(tuple(own) for own in words.values()), tuple(words)
    if not path:
        return ForeignVerbalizer(place, answers, labels)
    if len(path) == 1 and path[0].isdecimal():
        return ForeignVerbalizer(
            place, answers, labels, pattern=path[0], evidence={"pattern": path[0]}
        )
    group = path[0].partition(".")[0]
    return ForeignVerbalizer(place, answers, labels, group, evidence={"name": ".".join(path)})


def _listed(place: Location, label: str, own: object) -> list[str]:
    words = [own] if isinstance(own, str) else own
    if not isinstance(words, list) or not words or not all(isinstance(w, str) for w in words):
        raise place.error(f"the words of {label!r} are {shown(own)}; write a list of words")
    return words


def in_text(place: Location, lines: Sequence[tuple[Location, str]]) -> Iterator[ForeignVerbalizer]:
    """A pattern's number, then lines of a label and its words, spaces between."""
    verbalizers: dict[str, dict[str, list[str]]] = {}
    pattern = ""
    for at, line in lines:
        if line.isdecimal():
            pattern = line
            if pattern in verbalizers:
                raise at.error(f"the pattern {pattern} stands here again; put its labels together")
            verbalizers[pattern] = {}
        elif line:
            label, *words = line.split()
            own = verbalizers.setdefault(pattern, {})
            if label in own or not words:
                wrong = "stands here again" if label in own else "has no words"
                raise at.error(f"the label {label!r} {wrong}; write a label and its words a line")
            own[label] = words
    if not any(verbalizers.values()):
        raise place.error("it holds no verbalizer; write a pattern's number, then label and words")
    for pattern, own in verbalizers.items():
        if own:
            evidence = {"pattern": pattern} if pattern else {}
            answers = tuple(tuple(words) for words in own.values())
            yield ForeignVerbalizer(place, answers, tuple(own), pattern=pattern, evidence=evidence)
