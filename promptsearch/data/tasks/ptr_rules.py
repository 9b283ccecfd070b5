"""Rule files of PTR and KnowPrompt: which words stand for a label, one a slot."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from promptsearch.errors import DataError
from promptsearch.files.read import ENCODING, open_text

ENDINGS = (".tsv", ".txt")
Rules = dict[str, list[list[str]]]  # label -> answers, each a word (or several) a slot


@dataclass(frozen=True)
class Rule:
    """A line of a rule file.

    `reverse_of` is the label whose words these are, in reverse, where the file says so.
    """

    line: int
    label: str
    words: tuple[str, ...]
    reverse_of: str | None = None


def read_rules(path: Path) -> Rules:
    """A rule a line: a number that nothing depends on, the label, a word a slot; tabs between.

    A label that stands twice has two answers. `DataError` names the line that is no rule.
    """
    rules: Rules = {}
    for rule in rule_lines(path):
        rules.setdefault(rule.label, []).append(list(rule.words))
    return rules


def rule_lines(path: Path) -> Iterator[Rule]:
    """Yield the rules of a file as `read_rules` describes them, each with its line.

    OpenPrompt's file for SemEval has labels that are others turned round: after the words stands
    the other label, and the words are those of its two entities in its order. They are reversed.
    """
    rules: dict[str, list[tuple[str, ...]]] = {}
    with open_text(path, ENCODING) as stream:
        for number, line in enumerate(stream, 1):
            if line.strip():
                rule = _rule(path, number, line.rstrip("\r\n").split("\t"), rules)
                rules.setdefault(rule.label, []).append(rule.words)
                yield rule
    if not rules:
        raise DataError.at(path, None, "there are no rules; write a number, a label and its words")


def _rule(
    path: Path, number: int, cells: list[str], rules: dict[str, list[tuple[str, ...]]]
) -> Rule:
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
    width = len(next(iter(rules.values()), [tuple(words)])[0])
    reversed_label = words[-1] if len(words) == width + 1 and words[-1] in rules else None
    words = words[-2::-1] if reversed_label else words
    if len(words) != width:
        raise DataError.at(
            path,
            number,
            f"{len(words)} words for {label!r} where the rules before have {width}; "
            "give every label a word a slot",
        )
    if tuple(words) in rules.get(label, []):
        raise DataError.at(path, number, f"the rule of {label!r} stands here again; remove it")
    return Rule(number, label, tuple(words), reversed_label)
