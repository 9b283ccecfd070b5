"""The words that a label's name is made of: AdaPrompt's decomposition (Chen et al. 2021, 3.1)."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

PREFIXES = {"per": "person", "org": "organization", "loc": "location"}  # in front of a colon
RUN_TOGETHER = {
    "stateorprovince": ("state", "or", "province"),
    "stateorprovinces": ("states", "or", "provinces"),
    "na": ("no", "relation"),
}
SMALL = frozenset(
    ("a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with")
)
NEGATIVE = frozenset({("other",), ("none",), ("no", "relation")})
NOTHING = ("nothing", "has", "nothing", "to", "nothing")  # PTR's rule for "Other"

_ARGUMENTS = re.compile(r"\(e\d,\s*e\d\)$")
_DIRECTED = re.compile(r"(?P<first>[^-()]+)-(?P<second>[^-()]+)\((?P<head>e[12]),\s*e[12]\)")
_HUMPS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def name_words(label: str) -> tuple[str, ...]:
    """Return all words of a name, in lower case, each once; arguments are left out.

    >>> name_words("per:city_of_death")
    ('person', 'city', 'of', 'death')
    >>> name_words("EntityOrigin")
    ('entity', 'origin')
    """
    prefix, colon, rest = label.partition(":")
    if colon and prefix in PREFIXES:
        label = f"{PREFIXES[prefix]} {rest}"
    spaced = _HUMPS.sub(" ", _ARGUMENTS.sub("", label))
    words = [word.lower() for word in re.split(r"[\W_]+", spaced) if word]
    parts = [part for word in words for part in RUN_TOGETHER.get(word, (word,))]
    return tuple(dict.fromkeys(parts)) or (label.strip(),)


def label_words(labels: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the words of each label; small ones ("of") only if labels differ in them alone."""
    whole = {label: name_words(label) for label in labels}
    short = {label: _content_words(words) for label, words in whole.items()}
    counts = Counter(map(frozenset, short.values()))
    return {
        label: words if counts[frozenset(words)] == 1 else whole[label]
        for label, words in short.items()
    }


def roles_of(label: str) -> tuple[str, str] | None:
    """Return the roles of the head and the tail, if the name says them.

    >>> roles_of("Cause-Effect(e2,e1)")
    ('effect', 'cause')
    """
    match = _DIRECTED.fullmatch(label)
    if match is None:
        return None
    first, second = (" ".join(name_words(match[part])) for part in ("first", "second"))
    return (first, second) if match["head"] == "e1" else (second, first)


def named_rules(labels: Sequence[str]) -> Mapping[str, list[list[str]]] | None:
    """Return PTR's rules of names such as "Cause-Effect(e1,e2)": cause, cause of effect, effect.

    A label for everything else has PTR's words for it. None if a label says no roles.
    """
    rules = {label: _rule(label) for label in labels}
    if not all(rules.values()) or not any(map(roles_of, labels)):
        return None
    return {label: [rule] for label, rule in rules.items()}


def _rule(label: str) -> list[str]:
    if roles := roles_of(label):
        head, tail = roles
        return [head, head, "of", tail, tail]
    return list(NOTHING) if name_words(label) in NEGATIVE else []


def _content_words(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if word not in SMALL) or words
