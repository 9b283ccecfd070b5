"""Templates for relations between two entities, where the task has inputs for them."""

from collections.abc import Iterator, Sequence

ONE = (
    "{text} The {head} is the [Z] of the {tail}.",
    "{text} The relation between the {head} and the {tail} is [Z].",
)
TWO = (
    "{text} In this sentence, the {head} is the [Z1] and the {tail} is the [Z2].",
    "{text} The {head} is a [Z1], and the {tail} is a [Z2].",
    "{text} The [Z1] is the {head}. The [Z2] is the {tail}.",
)
PTR = "{text} the [Z1] {head} MIDDLE the [Zn] {tail}"  # Han et al. (2021), with five slots
MANY = (PTR, "{text} In this sentence, the [Z1] {head} MIDDLE the [Zn] {tail}.")


def entity_notations(width: int, inputs: Sequence[str], head: str, tail: str) -> Iterator[str]:
    """Yield notations with one slot and, for rules of `width` words, with two and with so many.

    There are none if the entities are no inputs, or no input remains to be the text.
    """
    texts = [name for name in inputs if name not in (head, tail)]
    if head not in inputs or tail not in inputs or not texts:
        return
    two = TWO if width >= 2 else ()
    many = [several(notation, width) for notation in MANY]
    names = {"{text}": f"{{{texts[0]}}}", "{head}": f"{{{head}}}", "{tail}": f"{{{tail}}}"}
    for notation in (*ONE, *two, *(many if width >= 3 else ())):
        for name, field in names.items():
            notation = notation.replace(name, field)
        yield notation


def several(notation: str, width: int) -> str:
    """Return one of `MANY` for rules of `width` words, three or more."""
    middle = " ".join(f"[Z{slot}]" for slot in range(2, width))
    return notation.replace("MIDDLE", middle).replace("[Zn]", f"[Z{width}]")
