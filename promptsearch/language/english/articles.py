"""The indefinite article: "a" or "an", by the sound that its next word begins with."""

import re

_LETTER = "AEFHILMNORSX"  # letters whose names begin with a vowel: an FBI agent, an x-ray
_SILENT_H = re.compile(r"h(eir|onest|on(?=ou?r)|ours?\b|ourly|ourglass)")
_CONSONANT = re.compile(  # spelt with a vowel, spoken with "y" or "w"
    r"one(?![ri])|once\b|oui|e[uw]|uni(?!m[ap]|n|d(?!i[rm])|ss|ll|g|r)|unanim|unesco"
    r"|ubi|uk|ur[aeiou]|us[aeiu]|ut[aeio]|uga|ufo|uvul"
)
_VOWEL = re.compile(r"[aeiou]|y(tt|pr|v)")
_NUMBER = re.compile(r"8|1[18](\d\d)?(?!\d)")  # eight, eleven, eighteen hundred
_PAIR = re.compile(  # signs may open an article's word, letters not; a capital "A" is a name
    r"""(?:(?<!\S)(?P<open>[^\w\s'’-]*)(?P<low>an?) | (?:^|(?<=[.!?]\s)|(?<=["“(]))(?P<high>A[nN]?))
    (?P<gap>\s+["'“‘(]?)(?P<word>[^\W_][\w'’-]*)""",
    re.VERBOSE,
)


def article(word: str) -> str:
    """ "a" or "an": by spelling, with the common words that are spoken otherwise.

    Known so: a silent h (hour, honest, honour, heir), vowels with a consonant's sound (one,
    European, unit, used, ubiquitous), numbers (8, 11, 18), single letters (x-ray, U-turn) and
    capitals that are read by the letter: up to three, or without a vowel (MP, FBI, HTML).

    >>> [article(word) for word in ("hour", "unit", "uninvited", "FBI", "NASA")]
    ['an', 'a', 'an', 'an', 'a']
    """
    return "an" if _sounds_like_a_vowel(word) else "a"


def agreed(text: str, before: str = "") -> str:
    """Return the text with each a or an as its next word wants it.

    Left alone are articles before a field or a slot, whose word nobody knows, and those that stood
    before the same word in `before`: what its author wrote is not corrected ("an historic").

    >>> agreed("{subject} is an city in a {place}, a [Z].")
    '{subject} is a city in a {place}, a [Z].'
    """
    known = {_written(match) for match in _PAIR.finditer(before)}

    def put(match: re.Match[str]) -> str:
        return match[0] if _written(match) in known else _fixed(match)

    return _PAIR.sub(put, text)


def _written(match: re.Match[str]) -> tuple[str, str]:
    return (match["low"] or match["high"]).lower(), match["word"]


def _fixed(match: re.Match[str]) -> str:
    right = article(match["word"])
    fixed = right.capitalize() if match["high"] else right
    return f"{match['open'] or ''}{fixed}{match['gap']}{match['word']}"


def _sounds_like_a_vowel(word: str) -> bool:
    if _by_the_letter(word):
        return word[0].upper() in _LETTER
    if word[:1].isdigit():
        return _NUMBER.match(word) is not None
    lower = word.lower()
    if _SILENT_H.match(lower):
        return True
    return _VOWEL.match(lower) is not None and _CONSONANT.match(lower) is None


def _by_the_letter(word: str) -> bool:
    """A letter that stands alone (x-ray), or an initialism: short, or one no mouth can say."""
    letters = re.match(r"[^\W\d_]+", word.replace(".", ""))
    if letters is None:
        return False
    run = letters[0]
    if len(run) == 1:
        return True
    return run.isupper() and (len(run) <= 3 or not re.search(r"[AEIOUY]", run))
