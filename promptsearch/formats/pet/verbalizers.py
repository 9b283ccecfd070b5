"""Verbalizers of PET and PETAL in JSON and in text."""

from collections.abc import Iterator, Mapping, Sequence

from promptsearch.formats.importing.contents import ForeignVerbalizer, Location, shortened_json

Words = Mapping[str, Sequence[str]]


def in_json(location: Location, document: object) -> Iterator[ForeignVerbalizer]:
    """Yield verbalizers, label -> words: one alone, by name, or by pattern.

    A name is such as "MnliPVP.VERBALIZER_A", also with a language.
    """
    verbalizers = list(_inside(location, document, ()))
    if not verbalizers:
        raise location.error("it holds no verbalizer; write label -> words")
    yield from verbalizers


def _inside(
    location: Location, value: object, path: tuple[str, ...]
) -> Iterator[ForeignVerbalizer]:
    match value:
        case dict() if value and all(isinstance(entry, dict) for entry in value.values()):
            for name, entry in value.items():
                yield from _inside(location, entry, (*path, name))
        case dict() if value:
            yield _named(
                location,
                {label: _listed(location, label, entry) for label, entry in value.items()},
                path,
            )
        case _:
            raise location.error(f"{shortened_json(value)} is no verbalizer; write label -> words")


def _named(location: Location, words: Words, path: tuple[str, ...]) -> ForeignVerbalizer:
    """Return the verbalizer of a name or a pattern; a name's part before the dot is its group."""
    answers, labels = tuple(tuple(label_words) for label_words in words.values()), tuple(words)
    if not path:
        return ForeignVerbalizer(location, answers, labels)
    if len(path) == 1 and path[0].isdecimal():
        return ForeignVerbalizer(
            location, answers, labels, pattern=path[0], evidence={"pattern": path[0]}
        )
    group = path[0].partition(".")[0]
    return ForeignVerbalizer(location, answers, labels, group, evidence={"name": ".".join(path)})


def _listed(location: Location, label: str, value: object) -> list[str]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(w, str) for w in words):
        raise location.error(
            f"the words of {label!r} are {shortened_json(value)}; write a list of words"
        )
    return words


def in_text(
    location: Location, lines: Sequence[tuple[Location, str]]
) -> Iterator[ForeignVerbalizer]:
    """Yield the verbalizers of a text: a pattern's number, then lines of a label and its words."""
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
            words_of = verbalizers.setdefault(pattern, {})
            if label in words_of or not words:
                wrong = "stands here again" if label in words_of else "has no words"
                raise at.error(f"the label {label!r} {wrong}; write a label and its words a line")
            words_of[label] = words
    if not any(verbalizers.values()):
        raise location.error(
            "it holds no verbalizer; write a pattern's number, then label and words"
        )
    for pattern, words_of in verbalizers.items():
        if words_of:
            evidence = {"pattern": pattern} if pattern else {}
            answers = tuple(tuple(words) for words in words_of.values())
            yield ForeignVerbalizer(
                location, answers, tuple(words_of), pattern=pattern, evidence=evidence
            )
