"""Values as Python source: what a file holds beside its code."""

import json
from collections.abc import Iterable, Mapping, Sequence

from promptsearch.prompt import Field, Part, Slot, Text, Verbalizer


def literal(text: str) -> str:
    """A string as Python reads it; a lone surrogate, which no file can hold, by its number."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return repr(text)
    return json.dumps(text, ensure_ascii=False)


def listed(items: Iterable[str]) -> str:
    """A list of sources, on one line."""
    return f"[{', '.join(items)}]"


def numbers_source(values: Iterable[float]) -> str:
    """A list of floats that read back as themselves."""
    return listed(map(repr, values))


def part_source(part: Part) -> str:
    """A template's part: text is a string."""
    match part:
        case Text(text):
            return literal(text)
        case Field(name):
            return f"Field({literal(name)})"
        case Slot(name):
            return f"Slot({literal(name)})"


def answers_source(verbalizer: Verbalizer, several: bool) -> str:
    """A dict, a label a line; an answer is a string or, of several slots, a dict."""
    rows = "".join(
        f"    {literal(label)}: {listed(_answer(answer, several) for answer in answers)},\n"
        for label, answers in verbalizer.pairs
    )
    return f"{{\n{rows}}}"


def _answer(answer: Sequence[tuple[str, str]], several: bool) -> str:
    if not several:
        return literal(answer[0][1])
    return f"{{{', '.join(f'{literal(slot)}: {literal(text)}' for slot, text in answer)}}}"


def candidates_source(candidates: Sequence[str]) -> str:
    """The answers of facts: a list, a candidate a line."""
    rows = "".join(f"    {literal(text)},\n" for text in candidates)
    return f"[\n{rows}]"


def expected_source(rows: Sequence[tuple[Mapping[str, str], Mapping[str, float]]]) -> str:
    """A list, a row a line: what is asked, and log p of its likeliest labels."""
    lines = ",\n    ".join(f"({_dict(inputs)}, {_numbers(said)})" for inputs, said in rows)
    return f"[{lines}]"


def _dict(texts: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{literal(key)}: {literal(text)}' for key, text in texts.items())}}}"


def _numbers(said: Mapping[str, float]) -> str:
    return f"{{{', '.join(f'{literal(label)}: {value:.6f}' for label, value in said.items())}}}"
