"""Templates to start from: every published list reads, and a bad line is named."""

import json

import pytest

from promptsearch.data import load_task
from promptsearch.errors import DataError
from promptsearch.formats.shared.lama_notation import from_lama
from promptsearch.formats.start_templates import templates_in

BORN = "{subject} was born in [Z] ."


def written(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="module")
def capitals():
    return load_task("capitals")


def test_lama_notation_becomes_ours_and_the_rest_stays_text():
    assert from_lama("[Y] is {X}'s [Z] , [X] .") == "[Z] is {{X}}'s [[Z]] , {subject} ."


def test_lists_of_lpaqa_and_pararel_and_lines_of_text(tmp_path, capitals):
    lpaqa = written(tmp_path / "a.jsonl", {"template": "[X] was born in [Y] .", "weight": 0.5})
    pararel = written(tmp_path / "b.jsonl", {"pattern": "[Y] bore [X].", "lemma": "bear"})
    lines = tmp_path / "c.txt"
    lines.write_text(f"{BORN}\n\n[Z] has {{subject}}\n")
    found = templates_in([lpaqa, pararel, lines], capitals)
    assert found == (BORN, "[Z] bore {subject}.", "[Z] has {subject}")


def test_a_prompts_json(tmp_path, capitals):
    path = tmp_path / "prompts.json"
    prompts = [{"template": BORN, "candidates": ["a"]}]
    path.write_text(json.dumps({"format": "promptsearch/1", "prompts": prompts}))
    assert templates_in([path], capitals) == (BORN,)


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        (
            "a.jsonl",
            '{"template": "[X] was ."}',
            r"a.jsonl, line 1: '\[X\] was .' needs one \[Y\]",
        ),
        ("a.jsonl", '{"x": 1}', 'a.jsonl, line 1: there is no text "template"'),
        ("a.txt", "\n{subject} [Z1]\n", r"a.txt, line 2: .*slots of the task: \[Z\]"),
        ("a.txt", "{head} [Z]\n", r"a.txt, line 1: .*uses {head}, but the inputs are subject"),
    ],
)
def test_a_bad_line_is_named(tmp_path, capitals, name, text, reason):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=reason):
        templates_in([tmp_path / name], capitals)
