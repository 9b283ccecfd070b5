"""Rule files of PTR and KnowPrompt: which words stand for a label, one a slot."""

from pathlib import Path

from promptsearch.corpora.files import ENCODING, open_text
from promptsearch.errors import DataError

ENDINGS = (".tsv", ".txt")
Rules = dict[str, list[list[str]]]  # label -> answers, each a word (or several) a slot


def read_rules(path: Path) -> Rules:
    """A rule a line: a number that nothing depends on, the label, a word a slot; tabs between.

    A label that stands twice has two answers. `DataError` names the line that is no rule.
    """
    rules: Rules = {}
    with open_text(path, ENCODING) as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                label, words = _rule(path, number, line.rstrip("\r\n").split("\t"), rules)
                rules.setdefault(label, []).append(words)
    if not rules:
        raise DataError.at(path, None, "there are no rules; write a number, a label and its words")
    return rules


def _rule(path: Path, number: int, cells: list[str], rules: Rules) -> tuple[str, list[str]]:
    if len(cells) < 3 or not cells[0].strip().isdecimal():
        raise DataError.at(
            path,
            number,
            f"{' '.join(cells)[:40]!r} is no rule; write a number, the label and a word for each "
            "slot, with tabs between",
        )
    label, *words = (cell.strip() for cell in cells[1:])
    if "" in (label, *words):
        raise DataError.at(path, number, "a cell is empty; fill it in, or remove its tab")
    first = next(iter(rules.values()), [words])[0]
    if len(words) != len(first):
        raise DataError.at(
            path,
            number,
            f"{len(words)} words for {label!r} where the rules before have {len(first)}; "
            "give every label a word a slot",
        )
    if words in rules.get(label, []):
        raise DataError.at(path, number, f"the rule of {label!r} stands here again; remove it")
    return label, words
