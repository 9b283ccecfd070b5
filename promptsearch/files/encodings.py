"""Encodings that the first bytes of a file give away: a byte order mark, or every second byte zero.

In another encoding such a file would be read without an error (UTF-16 is UTF-8 with zeros in it,
and anything is Latin-1), or with one that does not lead out.
"""

import codecs

HEAD = 1024  # bytes that are looked at
_MARKS = {  # UTF-32's before UTF-16's, with which they begin
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
_OFTEN = 0.1  # of the bytes at a position, as the second ones of ASCII in UTF-16


def encoding_of(head: bytes) -> str | None:
    """Return the encoding that the beginning of a file tells; None where it tells none.

    >>> encoding_of("text,label".encode("utf-16-be"))
    'utf-16-be'
    """
    marked = (encoding for mark, encoding in _MARKS.items() if head.startswith(mark))
    return next(marked, None) or _by_zeros(head)


def agreeing(encoding: str, head: bytes) -> str | None:
    """Return the codec that reads a file in this encoding, its byte order mark left out.

    None where the beginning of the file tells another encoding.
    """
    actual, name = encoding_of(head), codecs.lookup(encoding).name
    if actual is None or actual == name:
        return encoding
    is_marked = actual in _MARKS.values()
    return actual if is_marked and _family(actual) == _family(name) else None


def _family(name: str) -> str:
    return "-".join(name.split("-")[:2])  # "utf-16-le": "utf-16"


def _by_zeros(head: bytes) -> str | None:
    """Return UTF-16 or UTF-32 without a mark, by the positions of the zeros in its ASCII."""
    quarters = [head[at : len(head) // 4 * 4 : 4] for at in range(4)]
    zeros = [bytes_there.count(0) / max(1, len(bytes_there)) for bytes_there in quarters]
    match [share > _OFTEN for share in zeros]:
        case [False, _, True, True]:
            return "utf-32-le"
        case [True, True, _, False]:
            return "utf-32-be"
        case [False, True, False, True]:
            return "utf-16-le"
        case [True, False, True, False]:
            return "utf-16-be"
    return None
