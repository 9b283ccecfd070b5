"""Damage to a file, drawn at random: bytes, spans, tokens, and values of JSON.

One `random.Random` gives one file always the same damage.
"""

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

TOKENS = (
    *(
        "NaN",
        "null",
        "-Infinity",
        "1e400",
        "-1",
        "0",
        "9" * 40,
        "1e308",
        '"',
        "'",
        "{",
        "}",
        "[",
        "]",
    ),
    *(
        ",",
        ":",
        "\n",
        "\r\n",
        "\t",
        "\0",
        "\\",
        "\\ud800",
        "\ufeff",
        "\u2028",
        "\x1b[31m",
        "{text}",
    ),
    *("[Z]", "[" * 2000, '{"a":' * 200, "é", "true", "../../x", "/dev/null"),
)
VALUES: tuple[Any, ...] = (
    *(None, "text", "", -1, 0, 3.5, 1e308, 10**30, True, [], {}, [None], {"a": None}, [[]]),
    *("{text} [Z]", "/dev/null", "x" * 3000, "\ud800", float("nan")),
)


def flipped(data: bytes, random: Random) -> bytes:
    """One bit."""
    place, bit = random.randrange(len(data)), 1 << random.randrange(8)
    return data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]


def digit(data: bytes, random: Random) -> bytes:
    """One digit is another one."""
    places = [place for place, byte in enumerate(data) if 48 <= byte <= 57]
    if not places:
        return flipped(data, random)
    place = random.choice(places)
    other = b"%d" % ((data[place] - 48 + random.randrange(1, 10)) % 10)
    return data[:place] + other + data[place + 1 :]


def deleted(data: bytes, random: Random) -> bytes:
    start, stop = _span(data, random)
    return data[:start] + data[stop:]


def doubled(data: bytes, random: Random) -> bytes:
    start, stop = _span(data, random)
    return data[:stop] + data[start:]


def truncated(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data))]


def inserted(data: bytes, random: Random) -> bytes:
    """A token that readers trip over."""
    place, token = random.randrange(len(data) + 1), random.choice(TOKENS)
    return data[:place] + token.encode(errors="surrogatepass") + data[place:]


def line_changed(data: bytes, random: Random) -> bytes:
    """A line is gone, there twice, or in another place."""
    lines = data.splitlines(keepends=True)
    line = lines.pop(random.randrange(len(lines)))
    for _ in range(random.randrange(3)):
        lines.insert(random.randrange(len(lines) + 1), line)
    return b"".join(lines)


def value_replaced(data: bytes, random: Random) -> bytes:
    """A leaf or a node of JSON, or of a line of JSON, is another value, or gone."""
    lines = data.splitlines(keepends=True)
    number = random.randrange(len(lines))
    for whole in (False, True):
        try:
            value = json.loads(data if whole else lines[number])
        except ValueError:
            continue
        text = json.dumps(_replaced(value, random), ensure_ascii=True).encode()
        return text if whole else b"".join([*lines[:number], text + b"\n", *lines[number + 1 :]])
    return inserted(data, random)


MUTATIONS: tuple[Callable[[bytes, Random], bytes], ...] = (
    *(flipped, digit, deleted, doubled, truncated, inserted, line_changed),
    *(value_replaced, value_replaced, value_replaced),
)


def mutated(data: bytes, random: Random) -> tuple[str, bytes]:
    """Return the name of the mutation that was drawn, and the data after it."""
    mutation = random.choice(MUTATIONS)
    return mutation.__name__, mutation(data, random) if data else b"\0"


def _span(data: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(data))
    return start, min(start + random.choice((1, 2, 5, 20, 100, 1000)), len(data))


def _replaced(value: Any, random: Random) -> Any:
    places = list(_places(value))
    if not places:
        return random.choice(VALUES)
    holder, key = random.choice(places)
    if random.random() < 0.2:
        del holder[key]
    elif isinstance(holder, dict) and random.random() < 0.1:
        holder[random.choice(["", "x", "id", "n", "\x1b"])] = holder.pop(key)
    else:
        holder[key] = random.choice(VALUES)
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield value, key
        yield from _places(value[key])
