"""Sentences and words: where they end, found fast in UTF-8 bytes and simply in short strings.

A sentence ends at a line's end, or at `.`, `!` or `?` (and closing quotes) before a space and a
capital, unless the stop follows an initial ("J. Smith", "U.S. Army") or an abbreviation ("Dr.").
Languages written without spaces end sentences at 。！？ and have characters for words.
"""

import re

UNSPACED_LANGUAGES = frozenset({"zh", "yue", "wuu", "ja", "th", "lo", "km", "my", "bo"})

_WORD = re.compile(
    r"['’]s\b|(?:[A-Za-z]\.){2,}|\d+(?:[.,:]\d+)+|\w+(?:(?:['’](?!s\b)|-)\w+)*|[^\w\s]"
)
_IDEOGRAPH = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_CHARACTER = re.compile(r"[A-Za-z0-9]+|[^\s]")


def is_spaced(language: str) -> bool:
    """Return whether the language has spaces between words: "en" has, "zh" has not."""
    return primary(language) not in UNSPACED_LANGUAGES


def is_english(language: str) -> bool:
    """Return whether the language is English: "en", "eng" or "en-GB"."""
    return primary(language) in ("en", "eng")


def primary(language: str) -> str:
    """Return a language's code without script and region: "zh" of "zh-Hant".

    >>> primary("en_XX")
    'en'
    """
    return language.lower().replace("_", "-").split("-")[0]


def is_ideograph(character: str) -> bool:
    """Return whether it is a Chinese or Japanese character, of a script without spaces."""
    return "\u3040" <= character <= "\u30ff" or bool(_IDEOGRAPH.match(character))


def words(text: str, spaced: bool) -> list[str]:
    """Words and single punctuation marks; characters where the language has no spaces.

    >>> words("France's capital, (once)", spaced=True)
    ['France', "'s", 'capital', ',', '(', 'once', ')']
    """
    return (_WORD if spaced else _CHARACTER).findall(text)
