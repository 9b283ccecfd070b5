"""The answers of a task file: label -> answers, in its own table or in a file beside it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from promptsearch.data.tasks.ptr_rules import ENDINGS, read_rules
from promptsearch.data.tasks.toml_keys import TomlKeys, read_toml
from promptsearch.errors import DataError, brief
from promptsearch.files.read import expand_one, kind_of

Answers = Mapping[str, str | Sequence[object]]  # label -> answers, as written


def answers_in(keys: TomlKeys) -> Answers:
    """Label -> answers, from the table, or the TOML file or the rule file that it names."""
    table = keys
    if isinstance(keys.document.get("answers"), str):
        file = _answers_file(keys)
        if kind_of(file) in ENDINGS:
            return read_rules(file)
        document = read_toml(file)
        nested = isinstance(document.get("answers"), Mapping)
        table = TomlKeys(document if nested else {"answers": document}, file)
    answers = table.table("answers")
    return {} if answers is None else {name: _listed(answers, name) for name in answers.document}


def first_answer(answers: str | Sequence[object]) -> str:
    """Return the first answer of a label as one text; of several slots, all."""
    first = answers if isinstance(answers, str) else answers[0]
    texts = first.values() if isinstance(first, Mapping) else first
    return texts if isinstance(texts, str) else " ".join(map(str, cast(Sequence[object], texts)))


def _answers_file(keys: TomlKeys) -> Path:
    try:
        return expand_one(keys.string("answers", ""), keys.file.parent)
    except DataError as error:
        raise keys.error("answers", str(error)) from None


def _listed(answers: TomlKeys, label: str) -> str | Sequence[object]:
    value = answers.document[label]
    if not isinstance(value, str | list):
        raise answers.error(
            label, f"it must be a string or a list of them, not {brief(repr(value))}"
        )
    return value
