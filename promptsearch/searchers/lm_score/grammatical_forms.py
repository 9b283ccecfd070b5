"""Grammatical variants of the inputs and answers: with an article, plural, gerund."""

import re
from collections.abc import Mapping
from itertools import product

from promptsearch.language.english import article, gerund, lemmas, plural

_PHRASE = re.compile(
    r"[a-z][a-z'-]*( [a-z][a-z'-]*){0,2}"
)  # a concept: lower-case, at most three words
_PARTICLES = re.compile("of|the|and|for|in|on|at|de|del|di|da|du|la|le|van|von|der|y")  # in names
_LONGEST = 6  # words of a name
COMBINED = 2  # parts in all combinations: the head and the tail of the paper's triples

Forms = tuple[str, ...]  # the first one is the phrase as it is


def forms_of(phrase: str) -> Forms:
    """Return the phrase, then its English variants; of a name only "the", of a longer text none.

    >>> forms_of("bird")
    ('bird', 'a bird', 'the bird', 'birds')
    >>> forms_of("play football")[-1]
    'playing football'
    """
    if not _PHRASE.fullmatch(phrase):
        return (phrase, f"the {phrase}") if _is_name(phrase) else (phrase,)
    readings, forms = lemmas(phrase), [phrase]
    if ("noun", phrase) in readings:
        forms += [f"{article(phrase)} {phrase}", f"the {phrase}", plural(phrase)]
    if ("verb", phrase) in readings:
        forms.append(gerund(phrase))
    return tuple(dict.fromkeys(forms))


def _is_name(phrase: str) -> bool:
    """Return whether it looks like a name that lacks its article: "United States of America"."""
    words = phrase.split(" ")
    if len(words) > _LONGEST or words[0] == "The" or not words[0][:1].isupper():
        return False
    return all(word[:1].isupper() or word.isdigit() or _PARTICLES.fullmatch(word) for word in words)


def combined(forms_of_parts: Mapping[str, Forms]) -> list[dict[str, str]]:
    """Return a form for each part, in all combinations, the bare ones first.

    With more than two parts, one of them at a time leaves its bare form: combinations
    of many would take most of the passes and are hardly ever grammatical.
    """
    if len(forms_of_parts) <= COMBINED:
        return [
            dict(zip(forms_of_parts, chosen, strict=True))
            for chosen in product(*forms_of_parts.values())
        ]
    bare = {name: forms[0] for name, forms in forms_of_parts.items()}
    return [
        bare,
        *(
            {**bare, name: form}
            for name, forms_of_part in forms_of_parts.items()
            for form in forms_of_part[1:]
        ),
    ]
