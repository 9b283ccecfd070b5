"""prompts.json: what is written reads back; what is broken is named."""

import json
import re

import pytest

from promptsearch.data import CLASSIFICATION, FACTS
from promptsearch.errors import DataError
from promptsearch.prompt import Prompt, Template, Verbalizer
from promptsearch.prompt_file.prompts_json import answers_of, read_prompts, write_prompts
from promptsearch.prompt_file.schema import SCHEMA


def write(path, *rows, **document):
    write_prompts(path, {"format": "promptsearch/1", "prompts": list(rows), **document})
    return path


def test_a_file_needs_only_format_template_and_answers(tmp_path):
    path = write(tmp_path / "p.json", {"template": "{text} [Z]", "verbalizer": {"a": ["x"]}})
    (saved,) = read_prompts(path).prompts
    assert saved.prompt == Prompt(Template.parse("{text} [Z]"), Verbalizer.of({"a": "x"}))


def test_several_slots_read_back(tmp_path):
    answers = Verbalizer.of({"r": [["person", "city"]]}, ("Z1", "Z2"))
    prompt = Prompt(Template.parse("the [Z1] {head} the [Z2]"), answers)
    row = {"template": str(prompt.template), **answers_of(prompt, CLASSIFICATION, tmp_path)}
    (saved,) = read_prompts(write(tmp_path / "p.json", row)).prompts
    assert saved.prompt == prompt


@pytest.mark.parametrize("count", [3, 500])
def test_candidates_read_back_from_the_list_or_the_file(tmp_path, count):
    candidates = tuple(f"city\u2028{i}" for i in range(count))  # a line separator is no line end
    prompt = Prompt(Template.parse("{subject} [Z]"), Verbalizer.of_candidates(candidates))
    row = {"template": str(prompt.template), **answers_of(prompt, FACTS, tmp_path)}
    assert isinstance(row["candidates"], list) is (count == 3)
    (saved,) = read_prompts(write(tmp_path / "p.json", row)).prompts
    assert saved.prompt == prompt


@pytest.mark.parametrize(
    "end", ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"]
)
def test_a_candidate_with_any_line_end_in_it_reads_back(tmp_path, end):
    candidates = (f"Stratford{end}upon Avon", *(f"city {i}" for i in range(99)))
    prompt = Prompt(Template.parse("{subject} [Z]"), Verbalizer.of_candidates(candidates))
    row = {"template": str(prompt.template), **answers_of(prompt, FACTS, tmp_path)}
    (saved,) = read_prompts(write(tmp_path / "p.json", row)).prompts
    assert saved.prompt == prompt


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "cannot be read"),
        ("[]", "not a prompts.json"),
        ('{"format": "promptsearch/1"}', "holds no prompts"),
        ('{"format": "promptsearch/1", "prompts": [{}]}', 'prompt 1 has no "template"'),
        (
            '{"format": "promptsearch/1", "prompts": [{"template": "x", "candidates": ["a"]}]}',
            "prompt 1: the template 'x' has no slot",
        ),
        (
            '{"format": "promptsearch/1", "prompts": [{"template": "[Z]"}]}',
            'neither a "verbalizer" nor "candidates"',
        ),
        (
            '{"format": "promptsearch/1", "prompts": [{"template": "[Z]", '
            '"candidates": {"file": "gone.txt"}}]}',
            "candidates file .*gone.txt is missing",
        ),
        ("[" * 100_000, "cannot be read"),
        ('{"format": "promptsearch/1", "format": ""}', "the key 'format' stands twice"),
        (
            '{"format": "promptsearch/1", "scoring": [1], "prompts": [{}]}',
            r"scoring must be an object, not '\[1\]'; mend it",
        ),
        (
            '{"format": "promptsearch/1", "prompts": [{"template": "[Z]", '
            '"verbalizer": {"a": 0}}]}',
            "prompts 1.verbalizer.a must be a list or a text, not '0'",
        ),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(tmp_path, text, reason):
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(DataError, match=reason) as raised:
        read_prompts(path)
    assert str(path) in str(raised.value)


def test_changed_candidates_are_noticed(tmp_path):
    prompt = Prompt(Template.parse("[Z]"), Verbalizer.of_candidates([str(i) for i in range(99)]))
    row = {"template": "[Z]", **answers_of(prompt, FACTS, tmp_path)}
    path = write(tmp_path / "p.json", row)
    (tmp_path / "candidates.txt").write_text("other\n")
    with pytest.raises(DataError, match="has changed since"):
        read_prompts(path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = write(tmp_path / "p.json", {"template": "[Z]", "verbalizer": {"a": ["x"]}})
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_prompts(path, {"format": object()})
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["p.json"]


def test_the_schema_is_a_schema():
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize(
    ("section", "wrong", "reason"),
    [
        ("search", {"seed": "a"}, "search.seed must be a whole number, 0 or more, not 'a'"),
        ("search", {"spent": [1]}, "search.spent must be an object"),
        ("search", {"spent": {"seconds": float("nan")}}, "search.spent.seconds must be a number"),
        ("task", {"name": 3}, "task.name must be a text"),
        ("task", {"data": {"train": {"files": 3}}}, "task.data.train.files must be a list"),
        ("baselines", {"manual": {"scores": []}}, "baselines.manual.scores must be an object"),
    ],
)
def test_values_of_another_kind_are_named(tmp_path, section, wrong, reason):
    row = {"template": "[Z]", "verbalizer": {"a": "x", "b": "y"}}
    with pytest.raises(DataError, match=re.escape(reason)):
        read_prompts(write(tmp_path / "p.json", row, **{section: wrong}))
    with pytest.raises(DataError, match=r"prompts 1.source.evidence must be an object"):
        read_prompts(write(tmp_path / "p.json", {**row, "source": {"evidence": "x"}}))


def test_ids_are_of_one_prompt_each(tmp_path):
    row = {"id": "p1", "template": "[Z]", "verbalizer": {"a": "x", "b": "y"}}
    with pytest.raises(DataError, match="2 prompts have the id 'p1'"):
        read_prompts(write(tmp_path / "p.json", row, row))


def test_a_mark_of_the_bytes_order_is_no_error(tmp_path):
    path = write(tmp_path / "p.json", {"template": "[Z]", "verbalizer": {"a": "x", "b": "y"}})
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_prompts(path).prompts) == 1


def test_scoring_that_there_is_none_of_is_named(tmp_path):
    row = {"template": "[Z]", "verbalizer": {"a": "x", "b": "y"}}
    path = write(tmp_path / "p.json", row, scoring={"length_norm": "tokens"})
    with pytest.raises(DataError, match=r"p.json: scoring.length_norm must be none or token or"):
        read_prompts(path)
